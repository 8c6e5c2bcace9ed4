# SPDX-License-Identifier: MIT
"""MPTCP connections to a web server that stay open, each asked for a page again and again.

web_requests.py ADDRESS PORT PATH SHA256 COUNT

Says "ready" when each of COUNT connections has brought the page. For every line on standard input each brings it once
more, and how many did is said. Connections that break are not made again.
"""
import hashlib
import http.client
import socket
import sys

MPTCP = 262
TCP_CONGESTION = 13
PATIENCE = 30.0


def connect(address, port):
    out = http.client.HTTPConnection(address, port)
    out.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    out.sock.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, b"cubic")
    out.sock.settimeout(PATIENCE)
    out.sock.connect((address, port))
    out.auto_open = 0
    return out


def brings(connection, path, digest):
    try:
        connection.request("GET", path)
        return hashlib.sha256(connection.getresponse().read()).hexdigest() == digest
    except (OSError, http.client.HTTPException) as error:
        print(f"a connection broke: {error}", file=sys.stderr)
        return False


def main(address, port, path, digest, count):
    connections = [connect(address, int(port)) for _ in range(int(count))]
    if sum(brings(one, path, digest) for one in connections) != len(connections):
        sys.exit("not every connection brings the page")
    print("ready", flush=True)
    for _ in sys.stdin:
        print(sum(brings(one, path, digest) for one in connections), flush=True)


main(*sys.argv[1:])
