"""`tls_client.py PORT LOG` opens one TLS connection after another, and appends the server certificate's name to LOG.

If a connection fails, or its request isn't answered, the line is `failed`.
"""

import re
import socket
import ssl
import sys
import time

PORT, LOG = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def ask():
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as plain, context.wrap_socket(plain) as server:
        server.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := server.recv(4096):
            answer += part
        assert answer.endswith(b"fine"), answer
        # The name is a UTF8String (tag 0x0c) after the identifier of commonName (2.5.4.3).
        return re.search(rb"\x55\x04\x03\x0c.(\w+)", server.getpeercert(True), re.DOTALL)[1].decode()


while True:
    try:
        name = ask()
    except (OSError, AssertionError) as error:
        name = f"failed: {error!r}"
    with open(LOG, "a") as log:
        log.write(name + "\n")
    time.sleep(0.005)
