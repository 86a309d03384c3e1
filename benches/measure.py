"""The measurements: their environment (namespaces, certificates, servers), times in interleaved rounds, and memory."""

import collections
import ctypes
import fcntl
import os
import random
import shlex
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

REGION = "us-east-1"
HOST = f"secretsmanager.{REGION}.amazonaws.com"

# A place of the service: the round trip to it, and the time until it answers a request, in ms.
Place = collections.namedtuple("Place", "title round_trip answer")
REGIONAL, NEAR = Place("in the same region", 1, 10), Place("near by", 0, 0)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
REST = 5  # seconds
SHARE = 4000  # ms that the rounds may take of a tool, which is run less often if it is slow
TIME = shutil.which("time")  # not in the PATH of the measured tools


def secret(number):
    return f"bench/{number}"


def value(number):
    """The value of the key `password` of that secret."""
    return f"value-of-{secret(number)}"


def text(number):
    """A secret for tools that import all keys. Its only key is the name of the variable, with the same value."""
    return f"texts/{number}"


def name(number):
    return f"S_{number}"


def say(line):
    print(f"bench: {line}", file=sys.stderr, flush=True)


def isolate():
    """Moves this process into its own network and mount namespaces. Without root, a user namespace makes that possible."""
    user, group = os.geteuid(), os.getegid()
    flags = 0x40000000 | 0x20000 | (0x10000000 if user else 0)  # CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER
    if ctypes.CDLL(None).unshare(flags) != 0:
        raise SystemExit("bench: no namespaces here (they need root, or unprivileged user namespaces)")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


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
    signed("leaf", "middle", f"subjectAltName=DNS:{HOST}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    (work / "leaf.pem").write_text((work / "leaf.pem").read_text() + (work / "middle.pem").read_text())
    bundle = Path(BUNDLE).read_text() + (work / "ca.pem").read_text()
    (work / "bundle.pem").write_text(bundle)
    return bundle.count("-----BEGIN CERTIFICATE-----")


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise SystemExit(f"bench: {Path(command[0]).name} did not start")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Lab:
    """A server at one place after another, and runs of the tools against it."""

    def __init__(self, work):
        self.work, self.place, self.server = work, None, None
        self.roots = certificates(work)
        self.home, self.hosts = work / "home", work / "hosts"
        self.home.mkdir(exist_ok=True)
        self.hosts.touch()
        subprocess.run(["mount", "--bind", str(self.hosts), os.path.realpath("/etc/hosts")], check=True)

    def go_to(self, place):
        """Starts the server at a place."""
        if place != self.place:
            self.stop()
            address = "10.200.0.2" if place.round_trip else "127.0.0.1"
            link = [str(self.work / "release/link"), str(place.round_trip)] if place.round_trip else []
            server = [f"{address}:443", str(self.work / "leaf.pem"), str(self.work / "leaf.key"), str(place.answer)]
            self.server = Server([*link, str(self.work / "release/server"), *server])
            self.hosts.write_text(f"127.0.0.1 localhost\n{address} {HOST}\n")
            self.place = place
        return self.server

    def environment(self, tool):
        # A usual launch finds AWS's root among the compiled-in ones. The lab's CA isn't one of
        # them, but reading one root takes no time.
        roots = str(self.work / ("ca.pem" if tool.one_root else "bundle.pem"))
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLEEXAMPLE00",
            "AWS_SECRET_ACCESS_KEY": "made-up-for-the-benchmark",
            "AWS_REGION": REGION,
            "AWS_CA_BUNDLE": roots,
            # The SDK for Rust reads only this variable.
            "SSL_CERT_FILE": roots,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def check(self, tool, count):
        """Runs the tool once. Returns None if every value is correct, and the error otherwise."""
        self.go_to(NEAR)
        command = [*tool.arguments(count), "/usr/bin/env"]
        run = subprocess.run(command, env=self.environment(tool), capture_output=True, text=True, timeout=120)
        lines = set(run.stdout.splitlines())
        if run.returncode == 0 and all(f"{name(n)}={value(n)}" in lines for n in range(1, count + 1)):
            return None
        return (run.stderr.strip().splitlines() or [f"status {run.returncode}, or a wrong value"])[-1]

    def memory(self, arguments, environment):
        """The peak memory of one run in MB. GNU time reports it, because Python itself uses too much."""
        self.go_to(NEAR)
        out = self.work / "time.out"
        subprocess.run([TIME, "-q", "-f", "%M", "-o", str(out), *arguments], env=environment, check=True)
        return int(out.read_text()) * 1024 / 1e6

    def compare(self, place, launches, rounds):
        """Times launches (arguments and environment, by key) in rounds. Each round has another order, so that a change of the machine's
        speed affects all launches. Returns the medians of the wall time in ms."""
        self.go_to(place)
        # The first run fills the cache.
        warm = {key: [timed(*launch), timed(*launch)][1] for key, launch in launches.items()}
        samples = {key: [] for key in launches}
        runs = {key: max(3, min(rounds, int(SHARE / wall))) for key, wall in warm.items()}
        for number in range(rounds):
            due = [key for key in launches if (number + 1) * runs[key] // rounds > number * runs[key] // rounds]
            for key in random.sample(due, len(due)):
                samples[key].append(timed(*launches[key]))
        return {key: {"median": statistics.median(samples[key])} for key in launches}

    def parent(self, tool):
        """The memory in MB of the process that stays with `--on-rotation`."""
        self.go_to(NEAR)
        command = [*tool.arguments(1)[:-1], "--on-rotation", "restart", "--", "/bin/sh", "-c", "echo; exec sleep 1000"]
        with subprocess.Popen(command, env=self.environment(tool), stdout=subprocess.PIPE) as parent:
            parent.stdout.readline()
            found = settled(parent.pid)
            parent.terminate()
        return found["resident, KiB"] * 1024 / 1e6

    def stop(self):
        if self.server:
            self.server.stop()
        self.place = self.server = None


def timed(arguments, environment):
    """The wall time of a launch in ms."""
    begun = time.perf_counter()
    silent = [(os.POSIX_SPAWN_OPEN, descriptor, "/dev/null", os.O_RDWR, 0) for descriptor in range(3)]
    pid = os.posix_spawn(arguments[0], arguments, environment, file_actions=silent)
    _, ended = os.waitpid(pid, 0)
    wall = (time.perf_counter() - begun) * 1000
    if ended != 0:
        raise SystemExit(f"bench: {shlex.join(arguments)} fails")
    return wall


def status(pid, key):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(key + ":"))


def descendants(pid):
    """Returns the number of processes below `pid`, zombies included."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = entry.read_text().rsplit(") ", 1)[1].split()
        except (OSError, IndexError):
            continue
        parents.setdefault(int(after_name[1]), []).append(int(entry.parent.name))
    found, front = 0, [pid]
    while front:
        children = parents.get(front.pop(), [])
        found += len(children)
        front += children
    return found


def usage(pid):
    return {
        "resident, KiB": int(status(pid, "VmRSS")),
        "anonymous, KiB": int(status(pid, "RssAnon")),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(status(pid, "Threads")),
        "processes": descendants(pid),
    }


def switches(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/status")
    return sum(int(line.split()[1]) for task in tasks for line in task.read_text().splitlines() if "ctxt" in line)


def settled(pid):
    """Waits until all of the command's own processes exist, and returns the usage."""
    before = usage(pid)
    while True:
        time.sleep(0.3)
        now = usage(pid)
        if now == before:
            return now
        before = now
