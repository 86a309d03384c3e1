"""The measurements: their environment (namespaces, certificates, servers), times by hyperfine, and counts."""

import ctypes
import fcntl
import json
import os
import re
import shlex
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

from rivals import HOST, REGION, name, value

NEAR, FAR = "127.0.0.1", "10.200.0.2"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
REST = 5  # seconds
# They are not in the PATH of the measured tools.
HYPERFINE, TIME, VALGRIND = (shutil.which(program) for program in ("hyperfine", "time", "valgrind"))


def isolate():
    """Moves this process into a network and a mount namespace of its own, without root by a user namespace."""
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
            raise OSError(f"{Path(command[0]).name} did not start")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Lab:
    """A server for each round-trip time for which a link can be made; runs tools against them."""

    def __init__(self, work, rtts, skipped):
        self.work, self.servers = work, {}
        self.roots = certificates(work)
        self.home, self.hosts = work / "home", work / "hosts"
        self.home.mkdir(exist_ok=True)
        self.hosts.touch()
        subprocess.run(["mount", "--bind", str(self.hosts), os.path.realpath("/etc/hosts")], check=True)
        programs, files = work / "release", [str(work / "leaf.pem"), str(work / "leaf.key")]
        for rtt in rtts:
            link = [str(programs / "link"), str(rtt)] if rtt else []
            try:
                self.servers[rtt] = Server([*link, str(programs / "server"), f"{FAR if rtt else NEAR}:443", *files])
            except OSError as error:
                skipped.append(f"{rtt} ms round trips: no link with a delay can be made here ({error})")

    def go_to(self, rtt):
        self.hosts.write_text(f"127.0.0.1 localhost\n{FAR if rtt else NEAR} {HOST}\n")
        return self.servers[rtt]

    def environment(self, tool):
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLEEXAMPLE00",
            "AWS_SECRET_ACCESS_KEY": "made-up-for-the-benchmark",
            "AWS_REGION": REGION,
            # The name that awscli 1 knows.
            "AWS_DEFAULT_REGION": REGION,
            # A usual launch finds AWS's root among those compiled in, of which the lab's CA is none: reading one is next to nothing.
            "AWS_CA_BUNDLE": str(self.work / ("ca.pem" if tool.one_root else "bundle.pem")),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def check(self, tool, count):
        """Runs the tool once; returns None if every value is correct, else the error."""
        self.go_to(0)
        command = [*tool.arguments(count), "/usr/bin/env"]
        run = subprocess.run(command, env=self.environment(tool), capture_output=True, text=True, timeout=120)
        lines = set(run.stdout.splitlines())
        if run.returncode == 0 and all(f"{name(n)}={value(n)}" in lines for n in range(1, count + 1)):
            return None
        return (run.stderr.strip().splitlines() or [f"status {run.returncode}, or a wrong value"])[-1]

    def count(self, arguments, environment, rtt):
        """The requests, connections, peak memory and page faults of one run. hyperfine is too large itself to tell the memory."""
        server, out = self.go_to(rtt), self.work / "time.out"
        server.ask("reset")
        subprocess.run([TIME, "-q", "-f", "%M %R", "-o", str(out), *arguments], env=environment, check=True)
        resident, faults = map(int, out.read_text().split())
        return server.ask("counts") | {"rss": resident * 1024 / 1e6, "faults": faults}

    def time(self, arguments, environment, rtt, runs):
        """Wall and CPU time in ms."""
        self.go_to(rtt)
        out = self.work / "hyperfine.json"
        few = ["--runs", str(runs)] if runs else []
        options = ["--shell=none", "--warmup=2", "--ignore-failure", "--style=none", f"--export-json={out}"]
        subprocess.run([HYPERFINE, *options, *few, shlex.join(arguments)], env=environment, check=True)
        [found] = json.loads(out.read_text())["results"]
        if len(set(found["exit_codes"])) > 1:
            raise SystemExit(f"bench: {shlex.join(arguments)} fails at times")
        return {"median": found["median"] * 1000, "cpu": (found["user"] + found["system"]) * 1000}

    def refused(self, tool):
        """A command that execve refuses, so that the count ends where the command would start: a static binary has no symbol `execve`
        for callgrind to stop at. secrets-exec looks the command up before any request, so it must exist and be executable. The floor
        uses the C library's execvp, which would run such a file with the shell, so it gets a directory."""
        refused = self.work / "refused"
        refused.write_bytes(b"\0")
        refused.chmod(0o755)
        return str(self.work if tool.key == "floor" else refused)

    def instructions(self, arguments, environment):
        self.go_to(0)
        out = self.work / "callgrind.out"
        out.unlink(missing_ok=True)
        grind = [VALGRIND, "--tool=callgrind", f"--callgrind-out-file={out}"]
        subprocess.run([*grind, *arguments], env=environment, capture_output=True, timeout=300)
        return int(re.search(r"^totals: (\d+)", out.read_text(), re.M)[1])

    def rest(self, tool):
        """The usage of the process that stays with `--on-rotation`, and its context switches in REST seconds."""
        self.go_to(0)
        command = [*tool.arguments(1)[:-1], "--on-rotation", "restart", "--", "/bin/sh", "-c", "echo; exec sleep 1000"]
        with subprocess.Popen(command, env=self.environment(tool), stdout=subprocess.PIPE) as parent:
            parent.stdout.readline()
            found = settled(parent.pid)
            before = switches(parent.pid)
            time.sleep(REST)
            found["switches"] = switches(parent.pid) - before
            parent.terminate()
        return found

    def stop(self):
        for server in self.servers.values():
            server.stop()


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
    """Waits until the command's own processes are all there, and returns the usage."""
    before = usage(pid)
    while True:
        time.sleep(0.3)
        now = usage(pid)
        if now == before:
            return now
        before = now
