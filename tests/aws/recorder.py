"""A proxy in front of AWS that keeps its errors, without names, keys and the account."""

import http.client
import json
import re
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

# What the fake of AWS has for a secret's ARN, a version id and an account.
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf"
VERSION = "c0c0c0c0-1111-4222-8333-444455556666"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ACCESS_KEY = re.compile(r"\bA[A-Z]IA[A-Z0-9]{12,}")
HEADERS = ("content-type", "x-amzn-errortype")
TO_FILES = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=recorder".split()


class Recorder(ThreadingHTTPServer):
    """Decrypts what is sent to AWS, with certificates of its own, and hands it on as it was signed."""

    daemon_threads = True

    def __init__(self, account, folder, scratch):
        super().__init__(("127.0.0.1", 0), Handler)
        self.account, self.folder, self.root = account, folder, f"{scratch}/root.pem"
        root, leaf = ["-keyout", f"{scratch}/root.key"], ["-keyout", f"{scratch}/leaf.key", "-out", f"{scratch}/leaf.pem"]
        services = [account.session.client(name, region_name=account.region) for name in ("secretsmanager", "ssm", "sts")]
        hosts = ",".join(f"DNS:{urlsplit(service.meta.endpoint_url).hostname}" for service in services)
        leaf += ["-addext", f"subjectAltName={hosts}", "-addext", "basicConstraints=critical,CA:FALSE"]
        issuer = ["-CA", self.root, "-CAkey", f"{scratch}/root.key"]
        for options in ([*root, "-out", self.root], [*leaf, *issuer]):
            subprocess.run([*TO_FILES, *options], check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(f"{scratch}/leaf.pem", f"{scratch}/leaf.key")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def variables(self, record):
        """The variables that send a launch through this proxy, which keeps its first error of OPERATION as OPERATION.NAME.json."""
        self.record = record
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self.server_port}", "AWS_CA_BUNDLE": self.root}

    def keep(self, operation, answer, content):
        path = self.folder / f"{self.record}.json"
        if answer.status >= 400 and operation == self.record.partition(".")[0] and not path.exists():
            headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
            kept = {"status": answer.status, "headers": headers, "body": self.cleaned(content.decode())}
            path.write_text(json.dumps(kept, indent=2) + "\n")

    def cleaned(self, text):
        account = self.account
        for name in account.secrets:
            text = text.replace(account.names.get(f"arn_{name.partition('-')[0]}", ARN), ARN)
        text = re.sub(re.escape(account.prefix) + r"[\w/+=.@-]*", "x", text)
        text = ACCESS_KEY.sub("AKIAIOSFODNN7EXAMPLE", UUID.sub(VERSION, text))
        return text.replace(account.caller, "user/app").replace(account.id, "123456789012").replace(account.region, "us-east-1")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.account.endpoint:
            connection = http.client.HTTPConnection(urlsplit(self.server.account.endpoint).netloc, timeout=60)
        else:
            connection = http.client.HTTPSConnection(self.headers["Host"], timeout=60)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        action = parse_qs(body.decode()).get("Action", ["unknown"])[0]
        self.server.keep(self.headers.get("x-amz-target", action).rpartition(".")[2], answer, content)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Prints nothing."""
