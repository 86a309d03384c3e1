"""Run this as `fleet.py BINARY [FOLDER]` to launch a fleet at once against a service that grants a fixed rate.

Every launch wants one secret. The service answers so many requests a second and throttles the rest, as AWS does
(ThrottlingException, no Retry-After). What is measured: do all launches succeed within their --timeout, how many requests
that takes, and whether the retries of all come together. The report (fleet.md, fleet.svg) goes into FOLDER, `docs` by default.

The ideal: nobody can know of the others before the first request, so every first request that is throttled is inevitable;
an ideal second request is always granted. So the ideal is one request for each launch and one more for each first one
that was throttled.
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
    """A bucket of BURST requests that is filled again with RATE a second, and the record of what it was asked."""

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
    # Retries that come together make a slot stand out from those beside it.
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

{LAUNCHES} launches of one secret each, started together on one machine, against a service that grants {RATE} requests a second (and
{BURST} at first) and throttles the rest; `--timeout {TIMEOUT}s`. `make bench-fleet` runs it and writes this page.

![requests over time](fleet.svg)

| figure | value |
|---|---|
| launches that succeeded | {found["succeeded"]} of {LAUNCHES} |
| first requests, all within | {found["started within"]} s |
| first requests that were throttled | {found["throttled first"]} |
| requests in all | {found["requests"]} ({found["per launch"]} for each launch) |
| ideal | {found["ideal"]} |
| requests against the ideal | {found["ratio"]} |
| a launch took, median and longest | {found["median"]} s, {found["last"]} s |
| steepest slot of retries, against those beside it | {found["steepest"]} |

Nobody can know of the others before the first request, so every first request that is throttled is inevitable; an ideal second
one is always granted. The ideal is one request for each launch, and one more for each first one that was throttled.

After throttling, the longest pause is 2 s, then 8 s, then 30 s, never more than half of the time left; the pause itself is anything
from nothing to that (full jitter), so that those who were throttled together do not come back together. What broke (5xx, a
connection) is asked again sooner: 0.1 s, doubling up to 5 s. With that after throttling, too, the same fleet, simulated, sends
two and a half times as many requests.

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
        sys.exit("the fleet did not keep to its goals: all succeed, with at most 1.5 of the ideal requests")


if __name__ == "__main__":
    main()
