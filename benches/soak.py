#!/usr/bin/env python3
"""Rotates a secret many times under load, and compares what secrets-exec uses early and at the end. `make soak` calls this.

`soak.py BINARY [ROTATIONS]` rotates with `--on-rotation restart` and with `signal=HUP`, both at the same time, once a second each. It fails if a
rotation is lost, if descriptors or processes grow, if memory grows by more than 256 KiB between the tenth part of the rotations and all
of them, or if at the end the process that stays has more than one thread, MOST_RESIDENT or MOST_ANONYMOUS, or is woken up at rest. It
reads /proc, so it runs only on Linux.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import REST, descendants, settled, switches

sys.path.append(str(Path(__file__).parents[1] / "tests/closed"))
from aws import Server
from rules import Answer

BINARY = str(Path(sys.argv[1]).resolve())
ROTATIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
SLACK = 256  # KiB
MOST_RESIDENT = 5632  # KiB, mostly pages of the binary
MOST_ANONYMOUS = 700  # KiB
MOST_SECONDS = 60  # a rotation takes one
# Prints its value at each start, or the value in the file at each HUP. The process in the
# background becomes an orphan if the shell ends first. `read` waits without starting another
# process, which a signal to the group could miss.
WAIT = 'sleep 1000 & exec 3<>fifo; trap "exit 0" TERM; '
RESTARTED = WAIT + 'echo "$K"; while :; do read -r _ <&3; done'
SIGNALLED = WAIT + 'trap "cat value; echo" HUP; cat value; echo; while :; do read -r _ <&3; done'


def value_of(rotation):
    """What AWS answers after this number of rotations."""
    text = json.dumps({"k": f"value-{rotation}"})
    return [Answer(text.encode(), version=f"00000000-0000-4000-8000-{rotation:012}")]


def soak(server, secret, options, command, folder):
    server.answers[secret, ""] = value_of(0)
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "soak",
    }
    os.mkfifo(f"{folder}/fifo")
    line = [BINARY, "--poll-signal", "USR2", "--log-format", "json", *options, "--", "/bin/sh", "-c", "exec 2>/dev/null; " + command]
    log = open(f"{folder}/log", "w+")
    program = subprocess.Popen(line, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    first, begun = None, time.monotonic()
    for rotation in range(ROTATIONS + 1):
        wanted = f"value-{rotation}"
        lost = threading.Timer(MOST_SECONDS, program.terminate)
        lost.start()
        while (got := program.stdout.readline().strip()) != wanted:
            if program.poll() is not None:
                log.seek(0)
                print(log.read()[-2000:])
                raise Failed(f"rotation {rotation}: it ended with {program.returncode} before {wanted}, after {got!r}")
        lost.cancel()
        if rotation == ROTATIONS // 10:
            first = settled(program.pid)
        if rotation < ROTATIONS:
            server.answers[secret, ""] = value_of(rotation + 1)
            program.send_signal(signal.SIGUSR2)
    took = time.monotonic() - begun
    last = settled(program.pid)
    before = switches(program.pid)
    time.sleep(REST)
    woken = switches(program.pid) - before
    program.send_signal(signal.SIGTERM)
    if program.wait() != 0:
        raise Failed(f"it ended with {program.returncode}")
    text = f"{options[1]}: {took:.0f}s, {woken} context switches in {REST}s at rest\n"
    for key in first:
        text += f"  {key:14} {first[key]:7} after {ROTATIONS // 10}, {last[key]:7} after {ROTATIONS}\n"
    print(text, end="", flush=True)
    grown = [key for key in first if last[key] > first[key] + (SLACK if key.endswith("KiB") else 0)]
    limits = {"resident, KiB": MOST_RESIDENT, "anonymous, KiB": MOST_ANONYMOUS, "threads": 1}
    high = [key for key, most in limits.items() if last[key] > most]
    if grown or high or woken > 0:
        raise Failed(f"grown: {grown}; above the limit: {high}; woken at rest: {woken}")


class Failed(Exception):
    pass


def soak_in_folder(server, secret, options, command):
    try:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            Path(folder, "soak.yaml").write_text(f"files:\n  - path: {folder}/value\n    from: {secret}:k\n")
            soak(server, secret, options, command, folder)
        return []
    except Failed as failed:
        return [f"{options[1]}: {failed}"]


def main():
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a shell cannot trap what it inherits as ignored, as from nohup
    server = Server()
    load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOAD)]
    try:
        print(f"{ROTATIONS} rotations, with {LOAD} busy processes beside\n", flush=True)
        runs = (
            ("restarted", ["--on-rotation", "restart", "-e", "K=restarted:k"], RESTARTED),
            ("signalled", ["--on-rotation", "signal=HUP", "-f", "soak.yaml"], SIGNALLED),
        )
        with ThreadPoolExecutor() as pool:
            failures = [failure for run in [pool.submit(soak_in_folder, server, *run) for run in runs] for failure in run.result()]
        left = descendants(os.getpid()) - LOAD
    finally:
        for process in load:
            process.kill()
    failures += [f"{left} processes are left"] if left else []
    if failures:
        sys.exit("\n".join(failures))


LOAD = os.cpu_count()
if __name__ == "__main__":
    main()
