"""Run this as `fleet.py BINARY [FOLDER]` to start many launches at once against a service that grants a fixed rate.

Every launch reads one secret. The service grants RATE requests per second and throttles the rest, as AWS does
(ThrottlingException, no Retry-After). The report says whether all launches succeed within their --timeout, how many requests they
send, and whether their retries come at the same time. It goes into FOLDER (fleet.md, fleet.svg), `docs` by default.

The ideal number of requests is one per launch, plus one for each throttled first request: before its first request, a launch
cannot know about the others, so that throttling is unavoidable; an ideal second request is always granted.
"""

import asyncio
import datetime
import json
import os
import sys
import time
from pathlib import Path

LAUNCHES = 1000
RATE = 100
BURST = 100
TIMEOUT = 30
SLOT = 0.25


class Service:
    """A token bucket of BURST requests, refilled with RATE per second, and a log of the requests."""

    def __init__(self):
        self.left, self.filled = BURST, None
        self.asked = []

    def grants(self):
        now = time.monotonic()
        if self.filled is not None:
            self.left = min(BURST, self.left + (now - self.filled) * RATE)
        self.filled = now
        granted = self.left >= 1
        self.left -= granted
        return granted, now

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").lower().split("\r\n")
                length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
                name = json.loads(await reader.readexactly(length))["SecretId"]
                granted, now = self.grants()
                self.asked.append((now, name, granted))
                status, body = (200, secret(name)) if granted else (400, THROTTLED)
                writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


THROTTLED = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()


def secret(name):
    value = json.dumps({"password": "made-up"})
    return json.dumps({"ARN": f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf", "Name": name, "VersionId": "v", "VersionStages": ["AWSCURRENT"], "SecretString": value}).encode()


async def launch(binary, port, number):
    environment = {
        "PATH": "/usr/bin:/bin",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    began = time.monotonic()
    arguments = ["--no-file", "--timeout", f"{TIMEOUT}s", "-e", f"A=fleet-{number}:password", "--", "true"]
    process = await asyncio.create_subprocess_exec(binary, *arguments, env=environment, stdin=asyncio.subprocess.DEVNULL)
    return await process.wait(), time.monotonic() - began


async def run(binary):
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    ended = await asyncio.gather(*(launch(binary, port, number) for number in range(LAUNCHES)))
    server.close()
    return service.asked, ended


def figures(asked, ended):
    began = asked[0][0]
    first = {}
    for _, name, granted in asked:
        first.setdefault(name, granted)
    refused_first = sum(not granted for granted in first.values())
    ideal = LAUNCHES + refused_first
    slots = [0] * (int((asked[-1][0] - began) / SLOT) + 1)
    granted = list(slots)
    for when, _, was_granted in asked:
        slots[int((when - began) / SLOT)] += 1
        granted[int((when - began) / SLOT)] += was_granted
    retries = list(slots)
    seen = set()
    for when, name, _ in asked:
        if name not in seen:
            seen.add(name)
            retries[int((when - began) / SLOT)] -= 1
    took = sorted(seconds for _, seconds in ended)
    # Synchronized retries make a peak: a slot with more retries than its neighbours.
    peaks = [retries[n] / max(1, (retries[n - 1] + retries[n + 1]) / 2) for n in range(1, len(retries) - 1) if retries[n] > 20]
    return {
        "succeeded": sum(status == 0 for status, _ in ended),
        "requests": len(asked),
        "throttled first": refused_first,
        "ideal": ideal,
        "ratio": round(len(asked) / ideal, 2),
        "per launch": round(len(asked) / LAUNCHES, 2),
        "started within": round(max(when for when, name, _ in {name: (when, name, 0) for when, name, _ in reversed(asked)}.values()) - began, 1),
        "median": round(took[len(took) // 2], 1),
        "last": round(took[-1], 1),
        "steepest": round(max(peaks, default=0), 1),
        "slots": slots,
        "granted": granted,
    }


def bars(found):
    width, height, left, bottom = 720, 300, 56, 40
    most = max(found["slots"])
    step = (width - left - 10) / len(found["slots"])
    scale = (height - bottom - 30) / most
    parts = []
    for number, (asked, granted) in enumerate(zip(found["slots"], found["granted"])):
        x = left + number * step
        for value, style in ((asked, "asked"), (granted, "granted")):
            parts.append(f'<rect class="{style}" x="{x:.1f}" y="{height - bottom - value * scale:.1f}" width="{step * .8:.1f}" height="{value * scale:.1f}"/>')
    line = height - bottom - RATE * SLOT * scale
    parts.append(f'<path class="rate" d="M{left} {line:.1f}H{width - 10}"/>')
    for second in range(0, int(len(found["slots"]) * SLOT) + 1, 5):
        x = left + second / SLOT * step
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 18}" text-anchor="middle">{second} s</text>')
    for value in (0, most // 2, most):
        parts.append(f'<text x="{left - 8}" y="{height - bottom - value * scale + 4:.1f}" text-anchor="end">{value}</text>')
    parts.append(f'<text x="{left}" y="18">requests in each quarter of a second: granted (dark), throttled (light); the line is the rate that is granted</text>')
    return f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">
<style>
  rect.asked {{ fill: #e0a458 }} rect.granted {{ fill: #2f6f8f }} .rate {{ stroke: #b03030; stroke-dasharray: 4 3; fill: none }} text {{ fill: #444 }}
  @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} rect.granted {{ fill: #5fb0d8 }} }}
</style>
{chr(10).join(parts)}
</svg>
'''


def report(found):
    return f'''# A fleet that starts at once

{LAUNCHES} launches with one secret each start together on one machine. The service grants {RATE} requests per second, with a burst of
{BURST}, and throttles the rest; `--timeout {TIMEOUT}s`. `make bench-fleet` runs this and writes this page.

![requests over time](fleet.svg)

| figure | value |
|---|---|
| launches that succeeded | {found["succeeded"]} of {LAUNCHES} |
| first requests of all launches, sent within | {found["started within"]} s |
| first requests that were throttled | {found["throttled first"]} |
| requests in total | {found["requests"]} ({found["per launch"]} per launch) |
| ideal number of requests | {found["ideal"]} |
| requests divided by the ideal | {found["ratio"]} |
| duration of a launch, median and longest | {found["median"]} s, {found["last"]} s |
| highest peak of retries, relative to the slots beside it | {found["steepest"]} |

The ideal number of requests is one per launch, plus one for each throttled first request. Before its first request, a launch cannot
know about the others, so that throttling is unavoidable; an ideal second request is always granted.

After throttling, the maximum backoff is 2 s, then 8 s, then 30 s, but at most half of the remaining time. The backoff is a random
time between zero and the maximum (full jitter), so that launches that were throttled together do not retry together. After other
failures (5xx, a broken connection) the maximum is shorter: 0.1 s, doubling up to 5 s. In a simulation with the shorter backoff also
after throttling, the same fleet sends two and a half times as many requests.

Measured on {datetime.date.today()} with {os.cpu_count()} cores.
'''


def main():
    binary = sys.argv[1]
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "docs")
    found = figures(*asyncio.run(run(binary)))
    folder.joinpath("fleet.md").write_text(report(found))
    folder.joinpath("fleet.svg").write_text(bars(found))
    print(json.dumps({name: value for name, value in found.items() if name not in ("slots", "granted")}, indent=2))
    if found["succeeded"] < LAUNCHES or found["ratio"] > 1.5:
        sys.exit("goals missed: all launches succeed, with at most 1.5 times the ideal number of requests")


if __name__ == "__main__":
    main()
