"""A systemd service, which must be the main process of its unit. Its argument is `watched` or `socket`."""

import os
import socket
import sys
import time


def notify(state):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.connect(os.environ["NOTIFY_SOCKET"])
        out.send(state.encode())


def watched():
    assert os.environ["WATCHDOG_PID"] == str(os.getpid())
    notify(f"READY=1\nSTATUS=a value of {len(os.environ['A'])} characters")
    period = int(os.environ["WATCHDOG_USEC"]) / 1_000_000
    for beat in range(1_000):
        notify("WATCHDOG=1" if beat != 20 else "WATCHDOG=1\nSTATUS=five periods later")
        time.sleep(period / 4)


def answer():
    assert os.environ["LISTEN_PID"] == str(os.getpid()) and os.environ["LISTEN_FDS"] == "1"
    connection, _ = socket.socket(fileno=3).accept()
    connection.send(os.environ["A"].encode())


{"watched": watched, "socket": answer}[sys.argv[1]]()
