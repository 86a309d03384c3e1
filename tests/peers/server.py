"""A moto server on a free port of 127.0.0.1: it prints the port, and ends when its standard input ends.

Standard input is a pipe whose other end only the test process holds, so the server cannot outlive the tests, however
they end. (A parent-death signal isn't enough, because it comes when the thread that started the server ends.)
"""

import logging
import os
import sys

from moto.moto_server import threaded_moto_server
from moto.server import ThreadedMotoServer

READS = {"DescribeSecret", "GetParameters", "GetParametersByPath", "GetSecretValue"}


def only_reading(app):
    """An app that refuses every request of secrets-exec for an operation that changes something. Requests to STS don't have a target."""

    def guarded(environ, start_response):
        _, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")
        if operation and operation not in READS and "app/secrets-exec-" in environ.get("HTTP_USER_AGENT", ""):
            start_response("400 secrets-exec only reads", [])
            return [operation.encode()]
        return app(environ, start_response)

    return guarded


make_server = threaded_moto_server.make_server
threaded_moto_server.make_server = lambda host, port, app, *rest, **options: make_server(host, port, only_reading(app), *rest, **options)
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request otherwise
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.buffer.read()
os._exit(0)
