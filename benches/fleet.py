"""Many launches at once against a service that grants a fixed rate, or that is down for a while.

    fleet.py BINARY            fails unless all throttled launches succeed
    fleet.py BINARY OTHER      prints the requests of each binary, throttled and in an outage

The service grants RATE requests per second and throttles the rest, as AWS does (ThrottlingException, no Retry-After).
In an outage, it answers every request with 500.
"""

import asyncio
import json
import sys
import time

LAUNCHES = 1000
RATE = 100
BURST = 100
TIMEOUT = 30

# The launches of a throttled fleet, and the secrets of each: as many secrets in all.
THROTTLED_FLEETS = [(1000, 1), (50, 20)]
# The launches of a fleet in an outage, and the secrets of each.
FLEETS_IN_OUTAGE = [(100, 1), (40, 20), (20, 100)]
# How long an outage lasts, in seconds. The long one is longer than every launch waits.
SHORT_OUTAGE, LONG_OUTAGE = 10, 60


class Service:
    """A token bucket of BURST requests, refilled with RATE per second, and a log of the requests."""

    def __init__(self, outage=0):
        self.left, self.filled = BURST, time.monotonic()
        self.outage, self.returns = outage, None
        self.asked = []

    def answer(self, name):
        """The status and the body for a request."""
        if self.outage:
            # The outage begins with the first request.
            self.returns = self.returns or time.monotonic() + self.outage
            is_down = time.monotonic() < self.returns
            self.asked.append((name, not is_down))
            return (500, DOWN) if is_down else (200, secret(name))
        return (200, secret(name)) if self.grants(name) else (400, THROTTLED)

    def grants(self, name):
        now = time.monotonic()
        self.left = min(BURST, self.left + (now - self.filled) * RATE)
        self.filled = now
        granted = self.left >= 1
        self.left -= granted
        self.asked.append((name, granted))
        return granted

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").lower().split("\r\n")
                length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
                name = json.loads(await reader.readexactly(length))["SecretId"]
                status, answer = self.answer(name)
                body = json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


THROTTLED = {"__type": "ThrottlingException", "message": "Rate exceeded"}
DOWN = {"__type": "InternalServiceError", "message": "An error occurred on the server side."}


def secret(name):
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"
    return {"ARN": arn, "Name": name, "VersionId": "v", "VersionStages": ["AWSCURRENT"], "SecretString": '{"password": "made-up"}'}


async def launch(binary, port, number, secrets=1):
    environment = {
        "PATH": "/usr/bin:/bin",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    began = time.monotonic()
    values = [f"--env=A{index}=fleet-{number}-{index}:password" for index in range(secrets)]
    arguments = ["--no-file", "--timeout", f"{TIMEOUT}s", *values, "--", "true"]
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(binary, *arguments, env=environment, stdin=silent, stderr=silent)
    return await process.wait(), time.monotonic() - began


async def launches(binary, count=LAUNCHES, secrets=1, outage=0):
    service = Service(outage)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    ended = await asyncio.gather(*(launch(binary, port, number, secrets) for number in range(count)))
    server.close()
    return service.asked, ended


def compare(binaries):
    """Prints the requests of each binary, and when its last launch ended."""
    for title, outage, fleets in (
        ("throttled", 0, THROTTLED_FLEETS),
        (f"an outage of {SHORT_OUTAGE} s", SHORT_OUTAGE, FLEETS_IN_OUTAGE),
        ("an outage for longer than the timeout", LONG_OUTAGE, FLEETS_IN_OUTAGE),
    ):
        for count, secrets in fleets:
            for binary in binaries:
                asked, ended = asyncio.run(launches(binary, count, secrets, outage))
                failed, last = sum(status != 0 for status, _ in ended), max(seconds for _, seconds in ended)
                each = len(asked) / count
                print(f"{title}: {count} launches with {secrets}, {binary}: {each:.1f} requests each, last after {last:.1f} s, {failed} failed", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        compare(sys.argv[1:])
        sys.exit()
    asked, ended = asyncio.run(launches(sys.argv[1]))
    failed = sum(status != 0 for status, _ in ended)
    ideal = 2 * LAUNCHES - sum(dict(reversed(asked)).values())
    sys.exit(f"{failed} of {LAUNCHES} launches failed, with {len(asked)} requests, of which {ideal} are ideal" if failed or len(asked) > 1.5 * ideal else 0)
