"""Many launches at once against a service that grants a fixed rate: the last section of docs/benchmarks.md.

Every launch reads one secret. The service grants RATE requests per second and throttles the rest, as AWS does
(ThrottlingException, no Retry-After). The report says whether all launches succeed within their --timeout, how many requests they
send, and whether their retries come at the same time.

The ideal number of requests is one per launch, plus one for each throttled first request: before its first request, a launch
cannot know about the others, so that throttling is unavoidable; an ideal second request is always granted.
"""

import asyncio
import json
import time

from rivals import say

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


async def launches(binary):
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
    retries = [0] * (int((asked[-1][0] - began) / SLOT) + 1)
    seen = set()
    for when, name, _ in asked:
        retries[int((when - began) / SLOT)] += name in seen
        seen.add(name)
    took = sorted(seconds for _, seconds in ended)
    # Synchronized retries make a peak: a slot with more retries than its neighbours.
    peaks = [retries[n] / max(1, (retries[n - 1] + retries[n + 1]) / 2) for n in range(1, len(retries) - 1) if retries[n] > 20]
    return {
        "succeeded": sum(status == 0 for status, _ in ended),
        "requests": len(asked),
        "throttled first": refused_first,
        "ideal": ideal,
        "ratio": round(len(asked) / ideal, 2),
        "median": round(took[len(took) // 2], 1),
        "last": round(took[-1], 1),
        "steepest": round(max(peaks, default=0), 1),
    }


def run(binary):
    say(f"{LAUNCHES} launches at once")
    found = figures(*asyncio.run(launches(binary)))
    return f"""## A fleet that starts at once

{LAUNCHES} launches with one secret each start together on one machine. The service grants {RATE} requests per second, with a burst of
{BURST}, and throttles the rest; `--timeout {TIMEOUT}s`.

{found["succeeded"]} of {LAUNCHES} launches succeed, half of them within {found["median"]} s and the last after {found["last"]} s. They send {found["requests"]} requests, {found["ratio"]} times the
ideal number: one per launch, and one more for each of the {found["throttled first"]} that are throttled at first, since a launch cannot know about the
others before its first request. Their retries do not come together: the highest peak is {found["steepest"]} times the quarters of a second beside it.

After throttling, the maximum backoff is 2 s, then 8 s, then 30 s, but at most half of the remaining time; after other failures (5xx, a
broken connection) it is 0.1 s, doubling up to 5 s. The backoff is a random time between zero and the maximum (full jitter).

## A fleet larger than a machine

A simulation with the code of the retries and a clock that jumps to the next event: launches with one secret each start together,
against AWS's quota for GetSecretValue, 10000 requests per second in an account and region. AWS does not say how many it grants at
once; a burst of 1000 and 10 ms to answer are assumptions. `--timeout 30s`.
"""
