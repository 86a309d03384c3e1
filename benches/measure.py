"""The measurements: their environment (namespaces, certificates, servers), a stopwatch, and deterministic counts."""

import fcntl
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from rivals import HOST, REGION, name, say, value

INSIDE = "SECRETS_BENCH_INSIDE"
STS = f"sts.{REGION}.amazonaws.com"
NEAR, FAR = "127.0.0.1", "10.200.0.2"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# The tools that trust the lab's CA alone; every other one reads the bundle.
ONE_ROOT = ("secrets-exec", "dynamic", "cached", "floor")


def enter():
    """Runs this program again in its own namespaces, with its own names, port 443 and delays; false if that is impossible."""
    if os.environ.get(INSIDE):
        return os.environ[INSIDE] == "yes"
    unshare = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    works = shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True).returncode == 0
    os.environ[INSIDE] = "yes" if works else "no"
    if works:
        os.execvp("unshare", [*unshare, sys.executable, *sys.argv])
    return False


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = 0x1 | 0x40  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags))  # SIOCSIFFLAGS


def cover(path, text, work):
    """Mounts another text over a system file in this namespace; returns the path of the text, which can be changed."""
    own = work / f"own-{Path(path).name}"
    own.write_text(text)
    subprocess.run(["mount", "--bind", str(own), os.path.realpath(path)], check=True)
    return own


def certificates(work):
    """Makes a chain like AWS's (RSA keys, one intermediate), and a bundle of the system's roots and its CA; returns their number."""

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=work)

    def signed(name, issuer, extensions):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN=bench {name}")
        (work / f"{name}.ext").write_text(extensions)
        signing = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial", "-extfile", f"{name}.ext", "-days", "9"]
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing)

    key = ["-newkey", "rsa:2048", "-nodes"]
    usage = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
    added = [word for line in usage for word in ("-addext", line)]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "9", "-subj", "/CN=bench CA", *added)
    signed("middle", "ca", "\n".join(usage))
    names = f"DNS:localhost,DNS:{HOST},DNS:{STS}"
    signed("leaf", "middle", f"subjectAltName={names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    (work / "leaf.pem").write_text((work / "leaf.pem").read_text() + (work / "middle.pem").read_text())
    bundle = Path(BUNDLE).read_text() + (work / "ca.pem").read_text()
    (work / "bundle.pem").write_text(bundle)
    return bundle.count("-----BEGIN CERTIFICATE-----")


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise OSError(f"{Path(command[0]).name} did not start")
        self.port = int(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def prefer(nice):
    """Sets the niceness, which servers and tools inherit. The kernel may refuse."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        # With autogroup scheduling, niceness alone has no effect against processes of other sessions.
        Path("/proc/self/autogroup").write_text(str(nice))
    except OSError:
        pass


class Lab:
    """A local server and, if a link with a delay can be made, one at 20 ms; runs a tool against either."""

    def __init__(self, bin_dir, work, isolated, rtt, preferred, skipped):
        self.work, self.isolated, self.servers = work, isolated, {}
        self.preferred = preferred
        if preferred:
            prefer(-10)
        self.roots = certificates(work)
        server = [str(bin_dir / "server")]
        files = [str(work / "leaf.pem"), str(work / "leaf.key")]
        if isolated:
            loopback_up()
            self.hosts = cover("/etc/hosts", self.hosts_text(0), work)
            self.servers[0] = Server([*server, f"{NEAR}:443", *files])
            try:
                self.servers[rtt] = Server([str(bin_dir / "link"), str(rtt), *server, f"{FAR}:443", *files])
            except OSError as error:
                skipped.append(f"{rtt} ms round trips: no link with a delay can be made here ({error})")
        else:
            skipped.append(f"{rtt} ms round trips, DNS: no namespaces here (they need root, or unprivileged user namespaces)")
            self.servers[0] = Server([*server, f"{NEAR}:0", *files])
        self.complaints = work / "stderr"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.complaints.open("ab", 0)}
        self.watch = subprocess.Popen([str(bin_dir / "stopwatch")], text=True, **pipes)
        self.jobs = {}

    @staticmethod
    def hosts_text(rtt):
        return f"127.0.0.1 localhost\n{FAR if rtt else NEAR} {HOST} {STS}\n"

    def go_to(self, rtt):
        if self.isolated:
            self.hosts.write_text(self.hosts_text(rtt))
        return self.servers[rtt]

    def connecting(self, rtt):
        """The median time of a TCP connect, in ms: one round trip."""
        taken = []
        for _ in range(21):
            start = time.perf_counter()
            with socket.create_connection((FAR if rtt else NEAR, self.servers[rtt].port)):
                taken.append((time.perf_counter() - start) * 1000)
        return statistics.median(taken)

    def environment(self, tool):
        home = self.work / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLEEXAMPLE00",
            "AWS_SECRET_ACCESS_KEY": "made-up-for-the-benchmark",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            # A usual launch finds AWS's root among those compiled in, of which the lab's CA is none: reading one is next to nothing.
            "AWS_CA_BUNDLE": str(self.work / ("ca.pem" if tool.key in ONE_ROOT else "bundle.pem")),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if tool.key == "fnox":
            environment["SSL_CERT_FILE"] = environment["AWS_CA_BUNDLE"]
        if not self.isolated:
            environment["AWS_ENDPOINT_URL"] = f"https://localhost:{self.servers[0].port}"
        return environment | tool.environment

    def check(self, tool, count):
        """Runs the tool once; returns None if every value is correct, else the error."""
        self.go_to(0)
        run = subprocess.run(
            [*tool.arguments(count), "/usr/bin/env"], env=self.environment(tool), capture_output=True, text=True, timeout=120
        )
        lines = set(run.stdout.splitlines())
        if run.returncode == 0 and all(f"{name(n)}={value(n)}" in lines for n in range(1, count + 1)):
            return None
        return (run.stderr.strip().splitlines() or [f"status {run.returncode}, or a wrong value"])[-1]

    def job(self, key, arguments, environment):
        path = self.work / f"job-{key}"
        words = [str(len(arguments)), *arguments, *(f"{name}={value}" for name, value in environment.items())]
        path.write_bytes(b"".join(word.encode() + b"\0" for word in words))
        return path

    def time(self, path):
        """Times one run with the stopwatch."""
        self.watch.stdin.write(f"{path}\n")
        self.watch.stdin.flush()
        answer = self.watch.stdout.readline().split()
        if not answer:
            raise SystemExit(f"bench: cannot run the command: {self.last_complaint()}")
        wall, user, system, rss, status = map(int, answer)
        sample = {"wall": wall / 1e6, "cpu": (user + system) / 1e3, "rss": rss * 1024 / 1e6, "status": status >> 8 or status}
        return sample

    def last_complaint(self):
        return (self.complaints.read_text(errors="replace").strip().splitlines() or ["no error message"])[-1]

    def sample(self, tool, count, rtt):
        key = f"{tool.key}-{count}"
        if key not in self.jobs:
            arguments = [*tool.arguments(count), "/bin/true"]
            arguments[0] = os.path.abspath(arguments[0])
            self.jobs[key] = self.job(key, arguments, self.environment(tool))
        server = self.go_to(rtt)
        server.ask("reset")
        sample = self.time(self.jobs[key])
        counts = server.ask("counts")
        sample["requests"] = sum(counts["requests"].values())
        return sample | {what: counts[what] for what in ("connections", "most_open", "handshakes")}

    def stop(self):
        for server in self.servers.values():
            server.stop()
        self.watch.stdin.close()
        self.watch.wait()
        if self.preferred:
            prefer(0)


def instructions(lab, arguments, environment, work):
    """The number of instructions, by callgrind. The tool must not become a command, whose instructions would count, too."""
    out = work / "callgrind.out"
    out.unlink(missing_ok=True)
    grind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    subprocess.run([*grind, *arguments], env=environment, capture_output=True, timeout=300)
    totals = re.findall(r"^totals: (\d+)", out.read_text(), re.M) if out.exists() else []
    return int(totals[0]) if totals else None


def traced(arguments, environment, work):
    """The lines of strace, as (name of the system call, whole line)."""
    out = work / "strace.out"
    subprocess.run(["strace", "-f", "-s", "200", "-o", str(out), *arguments], env=environment, capture_output=True, timeout=120)
    lines = (line.split(maxsplit=1)[1] for line in out.read_text(errors="replace").splitlines())
    return [(re.split(r"[( ]", line, maxsplit=1)[0], line) for line in lines]


def before_first_packet(arguments, environment, work):
    """The numbers of system calls and of opened files, from the first execve to the first connect to port 443."""
    calls = opened = 0
    for call, line in traced(arguments, environment, work):
        if call == "connect" and "sin_port=htons(443)" in line:
            return {"calls": calls, "opened": opened}
        if re.match(r"[a-z]", call):
            calls += 1
        if call in ("open", "openat") and re.search(r"= \d+$", line):
            opened += 1
    return None


def touches(arguments, environment, work):
    """The sockets and root certificate files that a run opens; a run without a request needs none."""
    found = []
    for call, line in traced(arguments, environment, work):
        if call == "socket" or (call in ("open", "openat") and re.search(r"certs|ssl|\.pem|\.crt|resolv\.conf", line)):
            found.append(line.split(" = ")[0])
    return found


class Names(threading.Thread):
    """A DNS server for one name that counts queries and rounds: all queries before a response are one round."""

    ROUND = 0.02

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((NEAR, 53))
        self.queries, self.rounds = 0, 0

    def run(self):
        while True:
            self.socket.settimeout(None)
            waiting = [self.socket.recvfrom(4096)]
            end = time.monotonic() + self.ROUND
            while (left := end - time.monotonic()) > 0:
                self.socket.settimeout(left)
                try:
                    waiting.append(self.socket.recvfrom(4096))
                except TimeoutError:
                    break
            self.rounds += 1
            self.queries += len(waiting)
            for query, sender in waiting:
                self.socket.sendto(self.answer(query), sender)

    @staticmethod
    def answer(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        question, kind = query[12 : at + 5], struct.unpack(">H", query[at + 1 : at + 3])[0]
        known = ".".join(labels).lower() == HOST
        answers = 1 if known and kind == 1 else 0
        head = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, answers, 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(NEAR)
        return head + question + record * answers


def look_ups(lab, tools, counts, work):
    """The DNS queries and rounds of each tool with `ndots:5` and three search domains, as in Kubernetes."""
    domains = "default.svc.cluster.local svc.cluster.local cluster.local"
    cover("/etc/resolv.conf", f"nameserver {NEAR}\nsearch {domains}\noptions ndots:5\n", work)
    cover("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n", work)
    lab.hosts.write_text("127.0.0.1 localhost\n")
    names = Names()
    names.start()
    found = {}
    for tool in tools:
        for count in counts:
            names.queries = names.rounds = 0
            arguments = [*tool.arguments(count), "/bin/true"]
            run = subprocess.run(arguments, env=lab.environment(tool), capture_output=True, timeout=120)
            if run.returncode == 0:
                found.setdefault(tool.key, {})[count] = {"queries": names.queries, "rounds": names.rounds}
    return found
