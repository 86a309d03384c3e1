"""A proxy in front of AWS that keeps its errors, without names, keys and the account."""

import http.client
import json
import re
import shlex
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

# The ARNs of a secret and of a caller, and a version id, which are those of the fake AWS.
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf"
CALLER = "arn:aws:iam::123456789012:user/app"
VERSION = "c0c0c0c0-1111-4222-8333-444455556666"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ACCESS_KEY = re.compile(r"\bA[A-Z]IA[A-Z0-9]{12,}")
HEADERS = ("content-type", "x-amzn-errortype")
SELF_SIGNED = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=recorder"


class Recorder(ThreadingHTTPServer):
    """Decrypts what is sent to AWS, with its own certificate, and forwards it as it was signed."""

    def __init__(self, account, folder, scratch):
        super().__init__(("127.0.0.1", 0), Handler)
        self.account, self.folder, self.certificate = account, folder, f"{scratch}/certificate.pem"
        services = [account.session.client(name, region_name=account.region) for name in ("secretsmanager", "ssm", "sts")]
        hosts = ",".join(f"DNS:{urlsplit(service.meta.endpoint_url).hostname}" for service in services)
        extensions = ["-addext", f"subjectAltName={hosts}", "-addext", "basicConstraints=critical,CA:FALSE"]
        files = ["-keyout", f"{scratch}/key.pem", "-out", self.certificate]
        subprocess.run([*shlex.split(SELF_SIGNED), *extensions, *files], check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, f"{scratch}/key.pem")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def variables(self, record):
        """The variables that send a launch through this proxy, which keeps its first error of OPERATION as OPERATION.NAME.json."""
        self.record = record
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self.server_port}", "AWS_CA_BUNDLE": self.certificate}

    def keep(self, operation, answer, content):
        path = self.folder / f"{self.record}.json"
        if answer.status >= 400 and operation == self.record.partition(".")[0] and not path.exists():
            headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
            kept = {"status": answer.status, "headers": headers, "body": self.cleaned(content.decode())}
            path.write_text(json.dumps(kept, indent=2) + "\n")

    def cleaned(self, text):
        account = self.account
        text = re.sub(rf"arn:[^ ]*:secret:{account.prefix}/[\w/+=.@-]*", ARN, text.replace(account.caller, CALLER))
        text = re.sub(rf"{account.prefix}[\w/+=.@-]*", "x", UUID.sub(VERSION, text))
        text = ACCESS_KEY.sub("AKIAIOSFODNN7EXAMPLE", text)
        return text.replace(account.id, "123456789012").replace(account.region, "us-east-1")


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
