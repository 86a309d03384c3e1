"""`worker.py PORT FOLDER` does the jobs of a table, each with a new connection and the password in the environment.

It appends a line to FOLDER/log for every job, refused login and start. A job that fails is tried again. After TERM, the
worker finishes its current job and ends. It also ends when every job is done.
"""

import os
import signal
import sys
import time

import pg8000.native

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
user, password = os.environ["PGUSER"], os.environ["PGPASSWORD"]
ending = False


def end(*_):
    global ending
    ending = True


def note(line):
    with open(os.path.join(FOLDER, "log"), "a") as log:
        log.write(line + "\n")


def do_one():
    with pg8000.native.Connection(user, host="127.0.0.1", port=PORT, database="postgres", password=password) as server:
        done = server.run(
            "UPDATE jobs SET done = done + 1 WHERE id = (SELECT min(id) FROM jobs WHERE done = 0) RETURNING id"
        )
    return done[0][0] if done else None


signal.signal(signal.SIGTERM, end)
note(f"started as {user}")
while not ending:
    try:
        job = do_one()
    except pg8000.exceptions.DatabaseError:
        note("refused")
        time.sleep(0.02)
        continue
    if job is None:
        note("all done")
        break
    note(f"job {job}")
    # The test rotates the password between two jobs.
    while job % 50 == 0 and not ending and not os.path.exists(os.path.join(FOLDER, f"after-{job}")):
        time.sleep(0.01)
