"""A moto server on a free port of 127.0.0.1: it prints the port, and ends when its standard input does.

Standard input is a pipe whose other end only the test process holds, so the server cannot outlive the tests, however
they end (a parent-death signal would not do: it follows the thread that started the server, not the process).
"""

import logging
import os
import sys

from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request otherwise
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.buffer.read()
os._exit(0)
