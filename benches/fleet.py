"""Many launches at once against a service that grants a fixed rate. `fleet.py BINARY` fails unless all of them succeed.

The service grants RATE requests per second and throttles the rest, as AWS does (ThrottlingException, no Retry-After).
"""

import asyncio
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests/closed"))
from aws import Server, secret
from rules import Answer

LAUNCHES = 1000
RATE = 100
BURST = 100
TIMEOUT = 30
GOOD = Answer(b'{"password": "made-up"}')
THROTTLED = {"__type": "ThrottlingException", "message": "Rate exceeded"}


class Service(Server):
    """A token bucket of BURST requests, refilled with RATE per second, and a log of the requests."""

    def __init__(self):
        self.left, self.filled = BURST, time.monotonic()
        self.asked = []
        super().__init__()

    def respond(self, _, region, body):
        name = body["SecretId"]
        return (200, secret(region, name, "AWSCURRENT", GOOD)) if self.grants(name) else (400, THROTTLED)

    def grants(self, name):
        now = time.monotonic()
        self.left = min(BURST, self.left + (now - self.filled) * RATE)
        self.filled = now
        granted = self.left >= 1
        self.left -= granted
        self.asked.append((name, granted))
        return granted


async def launch(binary, port, number):
    environment = {
        "PATH": "/usr/bin:/bin",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    arguments = ["--no-file", "--timeout", f"{TIMEOUT}s", f"--env=A=fleet-{number}:password", "--", "true"]
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(binary, *arguments, env=environment, stdin=silent, stderr=silent)
    return await process.wait()


async def launches(binary):
    service = Service()
    ended = await asyncio.gather(*(launch(binary, service.port, number) for number in range(LAUNCHES)))
    return service.asked, ended


if __name__ == "__main__":
    asked, ended = asyncio.run(launches(sys.argv[1]))
    failed = sum(status != 0 for status in ended)
    ideal = 2 * LAUNCHES - sum(dict(reversed(asked)).values())
    sys.exit(f"{failed} of {LAUNCHES} launches failed, with {len(asked)} requests, of which {ideal} are ideal" if failed or len(asked) > 1.5 * ideal else 0)
