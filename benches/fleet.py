"""Many launches at once against a service that grants a fixed rate. `fleet.py BINARY` fails unless all of them succeed.

The service grants RATE requests per second and throttles the rest, as AWS does (ThrottlingException, no Retry-After).
"""

import asyncio
import json
import sys
import time

LAUNCHES = 1000
RATE = 100
BURST = 100
TIMEOUT = 30


class Service:
    """A token bucket of BURST requests, refilled with RATE per second, and a log of the requests."""

    def __init__(self):
        self.left, self.filled = BURST, time.monotonic()
        self.asked = []

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
                status, answer = (200, secret(name)) if self.grants(name) else (400, THROTTLED)
                body = json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


THROTTLED = {"__type": "ThrottlingException", "message": "Rate exceeded"}


def secret(name):
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"
    return {"ARN": arn, "Name": name, "VersionId": "v", "VersionStages": ["AWSCURRENT"], "SecretString": '{"password": "made-up"}'}


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
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    ended = await asyncio.gather(*(launch(binary, port, number) for number in range(LAUNCHES)))
    server.close()
    return service.asked, ended


if __name__ == "__main__":
    asked, ended = asyncio.run(launches(sys.argv[1]))
    failed = sum(status != 0 for status in ended)
    ideal = 2 * LAUNCHES - sum(dict(reversed(asked)).values())
    sys.exit(f"{failed} of {LAUNCHES} launches failed, with {len(asked)} requests, of which {ideal} are ideal" if failed or len(asked) > 1.5 * ideal else 0)
