"""A fake of Secrets Manager and Parameter Store on loopback, which only answers what it was told to answer."""

import asyncio
import base64
import json
import re
import threading

from rules import NOT_FOUND, resource

REGIONS = ["us-east-1", "us-west-2"]
ACCOUNT = "123456789012"
# What STS answers to everything. Its code must not be taken for the absence of a secret.
ROLE_NOT_FOUND = "<ErrorResponse><Error><Code>ResourceNotFoundException</Code></Error></ErrorResponse>"


class Server:
    """One server for all launches. `answers` has the answers of each region by secret id and stage."""

    def __init__(self):
        self.answers = {}
        self.port = None
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        ready.wait()

    async def serve(self, ready):
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    def answer(self, region, identifier, stage=""):
        answers = self.answers.get((resource(identifier), stage))
        return answers[REGIONS.index(region)] if answers else NOT_FOUND

    def respond(self, operation, region, body):
        """The status and the body of a response."""
        if operation == "GetSecretValue":
            stage = body.get("VersionStage", "AWSCURRENT")
            answer = self.answer(region, body["SecretId"], "" if stage == "AWSCURRENT" else stage)
            return refusal(answer) or flawed(answer, secret(region, body["SecretId"], stage, answer))
        if operation == "GetParameters":
            return self.parameters(region, body["Names"])
        path = f"ssm:{body['Path'].rstrip('/')}/" + ("" if body["Recursive"] else "*")
        answer = self.answer(region, path)
        found = answer.parameters or {}
        found = [parameter(region, f"{body['Path'].rstrip('/')}/{name}", value) for name, value in found.items()]
        return (200, {"Parameters": found}) if answer is NOT_FOUND else refusal(answer) or (200, {"Parameters": found})

    def parameters(self, region, names):
        """GetParameters lists the names that don't exist. An error is an error of the whole request."""
        found, invalid = [], []
        for name in names:
            plain = resource(name if name.startswith("arn:") else f"ssm:{name}")
            answer = self.answer(region, plain)
            if answer.code == NOT_FOUND.code:
                invalid.append(name)
            elif refusal(answer):
                return refusal(answer)
            elif answer.flaw:
                return flawed(answer, {"Parameters": [parameter(region, plain[len("ssm:"):], "")]})
            else:
                found.append(parameter(region, plain[len("ssm:"):], answer.data.decode()))
        return 200, {"Parameters": found, "InvalidParameters": invalid}


PAGE = "<html>Blocked</html>"


def refusal(answer):
    """An error, with its code where the answer spells it, or None. A third member is the header with the code."""
    if answer.status == 200:
        return None
    if not answer.code:
        return answer.status, PAGE
    if answer.spelling == "body":
        return answer.status, {"__type": f"com.amazonaws.secretsmanager#{answer.code}", "Message": answer.message}
    url = ":http://internal.amazon.com/coral/com.amazonaws.secretsmanager/" if answer.spelling == "url" else ""
    return answer.status, {"Message": answer.message}, answer.code + url


def flawed(answer, body):
    """A good answer, or with its flaw: a proxy's page, cut off, or without the value."""
    if answer.flaw == "page":
        return 200, PAGE
    if answer.flaw == "cut":
        return 200, json.dumps(body)[:-3]
    if answer.flaw == "value":
        for member in [body, *body.get("Parameters", [])]:
            for name in ("SecretString", "SecretBinary", "Value"):
                member.pop(name, None)
    return 200, body


def secret(region, identifier, stage, answer):
    name = resource(identifier)
    is_arn = identifier.startswith("arn:")
    if answer.is_binary:
        value = {"SecretBinary": base64.b64encode(answer.data).decode()}
    else:
        value = {"SecretString": answer.data.decode()}
    return {
        "ARN": identifier if is_arn else f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{name}-AbCdEf",
        "Name": re.sub("-AbCdEf$", "", name),
        "VersionId": answer.version,
        "VersionStages": [stage],
        "CreatedDate": 1523477145.713,
        **value,
    }


def parameter(region, name, value):
    arn = f"arn:aws:ssm:{region}:{ACCOUNT}:parameter{name}"
    date = 1523477145.713
    return {"Name": name, "ARN": arn, "Type": "String", "Value": value, "Version": 1, "LastModifiedDate": date}


class Connection(asyncio.Protocol):
    """One connection of HTTP/1.1, which stays open between requests."""

    def __init__(self, server):
        self.server = server
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, rest = self.received.partition(b"\r\n\r\n")
            headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
            length = int(headers.get(b"content-length", 0))
            if len(rest) < length:
                return
            self.received = rest[length:]
            operation = re.search(rb"(?i)x-amz-target: *\w+\.(\w+)", head)
            if not operation:
                self.send(400, ROLE_NOT_FOUND)
                continue
            region = re.search(rb"credential=[^/]+/\d+/([\w-]+)/", headers[b"authorization"])[1].decode()
            self.send(*self.server.respond(operation[1].decode(), region, json.loads(rest[:length])))

    def send(self, status, body, code=None):
        is_page = isinstance(body, str)  # of a proxy, or an answer of STS
        text = body.encode() if is_page else json.dumps(body).encode()
        kind = "text/xml" if is_page else "application/x-amz-json-1.1"
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\n"
        head += f"x-amzn-errortype: {code}\r\n\r\n" if code else "\r\n"
        self.transport.write(head.encode() + text)
