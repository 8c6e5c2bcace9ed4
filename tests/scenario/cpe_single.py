#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch cpe` on a device with two uplinks, for its own connections: taken by user and by cgroup, and asked for by
SOCKS5 and HTTP CONNECT. Every octet is right, over MPTCP to the converter; what speaks MPTCP itself, what is local
and what the CPE itself sends is left alone; with no converter connections are direct; refusals are told in words; doors come and go by
reload.

Usage: cpe_single.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import errno
import hashlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from proxy_pair import CONVERTER, CONVERTER6, CPE, CPE_TOML, SERVER, SERVER6, Pair

MPTCP = 262
SIZE = 4_000_000
LONG = 10  # more than the buffers on the way hold
BODY = hashlib.shake_128(b"anabranch").digest(SIZE)
PORT, REJECTED_PORT, NOBODY_LISTENS = 80, 81, 9
SOCKS, HTTP, PASSWORD, FOR_LAN, FRESH = 1080, 8080, 1081, 1082, 1083
LAN = "10.1.0.1"
DEVICE = CPE_TOML.replace('lan = ["lan0"]', 'retry = "1s"') + f"""
[[local]]
listen = "127.0.0.1:{SOCKS}"

[[local]]
listen = "127.0.0.1:{HTTP}"
protocol = "http"

[[local]]
listen = "127.0.0.1:{PASSWORD}"
users_file = "USERS"

[[local]]
listen = "{LAN}:{FOR_LAN}"

[[rule]]
name = "not there"
action = "reject"
ports = ["{REJECTED_PORT}"]
"""
HOSTS = f"""127.0.0.1 localhost loop.example
{SERVER} server.example two.example
{SERVER6} server6.example two.example
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """GET: the body, of /long LONG times, and whom the server sees. PUT: the hash of what came."""
    def log_message(self, *_):
        pass

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Seen", self.client_address[0])
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(BODY * LONG if self.path == "/long" else BODY)

    def do_PUT(self):
        self.reply(hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest().encode())


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Who goes before the end is no matter."""


def serve(node, address, port=PORT):
    server = Server((address, port), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = node.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.socket.bind((address, port))
    server.socket.listen(100)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def url(host, port=PORT):
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def curl(pair, *arguments, before=()):
    """Its exit code and output."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = pair.cpe.command(*before, "curl", "-sS", "--max-time", "20", *arguments, text=False, env=environment)
    return done.returncode, done.stdout


def get(pair, host, *arguments, before=(), port=PORT):
    """Whom the server saw, when every octet was right."""
    code, out = curl(pair, "-i", *arguments, url(host, port), before=before)
    expect(code == 0, f"curl {arguments} {host} ended with {code}")
    while True:
        head, _, out = out.partition(b"\r\n\r\n")
        # A proxy's own answer is shown before that of the server.
        if b"Seen:" in head or not out:
            break
    expect(out == BODY, f"{host}: {len(out)} octets came, {SIZE} are right")
    return next(line.split()[1] for line in head.decode().splitlines() if line.startswith("Seen:"))


def put(pair, host, *arguments):
    code, out = curl(pair, *arguments, "-H", "Expect:", "-T", str(pair.body), url(host))
    expect(out.decode() == hashlib.sha256(BODY).hexdigest(), f"{host}: the server got other octets: {code} {out}")


def shown(pair):
    return json.loads(pair.cpe_role.show())


def set_file(pair, text):
    pair.cpe_role.config.write_text(text)
    pair.cpe.run(pair.cpe_role.executable, "cpe", "reload", env=pair.cpe_role.environment)


def own_connections(pair):
    before = pair.mptcp_connections()
    expect(get(pair, SERVER) == CONVERTER, "the server does not see the converter")
    expect(get(pair, SERVER6) == CONVERTER6, "the server does not see the converter over IPv6")
    put(pair, SERVER)
    view = shown(pair)
    expect(pair.mptcp_connections() == before + 3, f"{pair.mptcp_connections() - before} MPTCP connections for 3 of TCP")
    expect(view["outcomes"] == {"converted": 3} and view["plain_tcp"] == 0 and view["taken_syns"] == 3, f"{view}")
    expect(pair.mptcp_joins() >= 1, "no second subflow")
    expect(view["single"] == {"uids": [], "cgroups": []}, f"shown: {view['single']}")


def left_alone(pair):
    """A socket that speaks MPTCP itself, and what is on this machine."""
    before = shown(pair)
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as own:
        own.settimeout(10)
        own.connect((SERVER, PORT))
        expect(own.getpeername() == (SERVER, PORT), "not connected")
        own.sendall(b"GET / HTTP/1.0\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            head += own.recv(4096)
        expect(f"Seen: {CPE}".encode() in head, f"MPTCP of its own is not left alone: {head[:300]}")
    for address in ("127.0.0.1", CPE, "::1"):
        serve(pair.cpe, address)
        expect(get(pair, address) == address, f"{address}: another way than on this machine")
    view = shown(pair)
    expect(view["accepted"] == before["accepted"], "something that is to be left alone was taken")
    expect(view["own_mptcp_syns"] > before["own_mptcp_syns"], "it is not counted")


def refused(pair):
    """Met after the connection stands; the second time by the server's own reset."""
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM) as first:
        first.settimeout(10)
        try:
            first.connect((SERVER, NOBODY_LISTENS))
            expect(first.recv(1) is None, "an answer of nobody")
        except ConnectionResetError:
            pass
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM) as second:
        second.settimeout(10)
        expect(second.connect_ex((SERVER, NOBODY_LISTENS)) == errno.ECONNREFUSED, "not left alone after a refusal")


def chosen_users(pair):
    set_file(pair, DEVICE + '\n[single]\nuids = ["0"]\n')
    expect(get(pair, SERVER) == CONVERTER, "a user that is named is not converted")
    expect("uid 0" in pair.cpe.run(pair.cpe_role.executable, "cpe", "show", env=pair.cpe_role.environment), "not shown")
    set_file(pair, DEVICE + '\n[single]\nuids = ["1000-1999"]\n')
    expect(get(pair, SERVER) == CPE, "a user that is not named is converted")
    other = ("setpriv", "--reuid=1234", "--clear-groups")
    if pair.cpe.command(*other, "true").returncode == 0:
        expect(get(pair, SERVER, before=other) == CONVERTER, "a user of a range is not converted")
    else:
        print("  one user alone is here: none of a range was tried")
    set_file(pair, DEVICE + "\n[single]\n")


def chosen_cgroups(pair):
    root = "/sys/fs/cgroup"
    name = f"anabranch-single-{os.getpid()}"
    if subprocess.run(["mount", "-t", "cgroup2", "none", root], capture_output=True).returncode != 0:
        return print("  no cgroup2 here")
    refused = pair.cpe_role
    refused.config.write_text(DEVICE + f'\n[single]\ncgroups = ["/{name}"]\n')
    answer = pair.cpe.command(refused.executable, "cpe", "reload", env=refused.environment)
    expect(answer.returncode != 0 and "there is no cgroup" in answer.stderr, f"{answer.stderr}")
    try:
        os.mkdir(f"{root}/{name}")
    except OSError as error:
        return print(f"  no cgroup can be made: {error.strerror}")
    try:
        set_file(pair, DEVICE + f'\n[single]\ncgroups = ["/{name}"]\n')
        inside = ("sh", "-c", f'echo $$ >{root}/{name}/cgroup.procs && exec "$@"', "sh")
        expect(get(pair, SERVER, before=inside) == CONVERTER, "a cgroup that is named is not converted")
        expect(get(pair, SERVER) == CPE, "a cgroup that is not named is converted")
    finally:
        set_file(pair, DEVICE + "\n[single]\n")
        wait_until("the cgroup is empty", lambda: not open(f"{root}/{name}/cgroup.procs").read())
        os.rmdir(f"{root}/{name}")


def asked_in_words(pair):
    """Nothing is taken here: programs ask."""
    before = pair.mptcp_connections()
    ways = (("--socks5-hostname", f"127.0.0.1:{SOCKS}"), ("--socks5", f"127.0.0.1:{SOCKS}"),
            ("--proxytunnel", "--proxy", f"http://127.0.0.1:{HTTP}"),
            ("--proxy", f"socks5h://alice:very%20secret@127.0.0.1:{PASSWORD}"))
    for way in ways:
        expect(get(pair, "server.example", *way) == CONVERTER, f"{way}: the server does not see the converter")
        put(pair, "server.example", *way)
    expect(get(pair, SERVER, *ways[0]) == CONVERTER, "an address")
    expect(get(pair, "server6.example", *ways[0]) == CONVERTER6, "a name with an IPv6 address")
    expect(get(pair, SERVER6, *ways[2]) == CONVERTER6, "an IPv6 address")
    done = pair.mptcp_connections() - before
    expect(done == 2 * len(ways) + 3, f"{done} MPTCP connections")
    local = {one["listen"]: one for one in shown(pair)["local"]}
    expect(local[f"127.0.0.1:{SOCKS}"]["accepted"] == 6, f"{local}")


def socks_reply(pair, name, port, door=SOCKS):
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect(("127.0.0.1", door))
        request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name.encode() + port.to_bytes(2, "big")
        client.sendall(b"\x05\x01\x00" + request)
        answer = b""
        while len(answer) < 4:
            part = client.recv(64)
            expect(part, f"{name}:{port}: the connection ends after {answer}")
            answer += part
        expect(answer[:3] == b"\x05\x00\x05", f"{answer}")
        rest = answer[4:]
        while part := client.recv(64):
            rest += part
        expect(len(rest) == 8, f"{name}:{port}: no whole reply, or more: {answer} {rest}")
        return answer[3]


def http_reply(pair, name, port):
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect(("127.0.0.1", HTTP))
        client.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        answer = b""
        while part := client.recv(4096):
            answer += part
        return int(answer.split()[1])


def told_why_not(pair):
    cases = (("server.example", NOBODY_LISTENS, 5, 502), ("server.example", REJECTED_PORT, 2, 403),
             ("loop.example", PORT, 2, 403), ("127.0.0.1", PORT, 2, 403), (CPE, PORT, 2, 403),
             ("nobody.example", PORT, 4, 504))
    for name, port, reply, status in cases:
        told = socks_reply(pair, name, port), http_reply(pair, name, port)
        expect(told == (reply, status), f"{name}:{port}: told {told} in place of {(reply, status)}")
    wrong = curl(pair, "--proxy", f"socks5h://alice:guess@127.0.0.1:{PASSWORD}", url(SERVER))
    expect(wrong[0] != 0, "a wrong password is good enough")
    outcomes = {one["listen"]: one["outcomes"] for one in shown(pair)["local"]}
    expect(outcomes[f"127.0.0.1:{PASSWORD}"] == {"bad-password": 1}, f"{outcomes}")
    expect(outcomes[f"127.0.0.1:{HTTP}"] == {"rule": 1, "destination": 2, "this-machine": 1, "no-name-server": 1}, f"{outcomes}")
    # The server listens there over IPv4 alone.
    serve(pair.server, SERVER, 8000)
    expect(get(pair, "two.example", "--socks5-hostname", f"127.0.0.1:{SOCKS}", port=8000) == CONVERTER,
           "the next address of the name is not tried")
    stranger = pair.host.socket(socket.AF_INET, socket.SOCK_STREAM)
    stranger.settimeout(10)
    try:
        stranger.connect((LAN, FOR_LAN))
        expect(stranger.recv(10) is None, "others than this machine are served")
    except ConnectionResetError:
        pass
    stranger.close()


def doors_change(pair):
    """By reload: one comes and goes, a password becomes another, and who is inside stays."""
    fresh = ("--socks5", f"127.0.0.1:{FRESH}")
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM) as inside:
        inside.settimeout(10)
        set_file(pair, DEVICE + f'\n[single]\n[[local]]\nlisten = "127.0.0.1:{FRESH}"\n')
        expect(get(pair, SERVER, *fresh) == CONVERTER, "a door that has come is not open")
        inside.connect(("127.0.0.1", FRESH))
        inside.sendall(b"\x05\x01\x00")
        expect(inside.recv(2) == b"\x05\x00", "not let in")
        pair.users.write_text("alice:another\n")
        set_file(pair, DEVICE + "\n[single]\n")
        expect(curl(pair, *fresh, url(SERVER))[0] != 0, "a door that has gone is open")
        inside.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(SERVER) + PORT.to_bytes(2, "big"))
        expect(inside.recv(2) == b"\x05\x00", "who was let in is sent away")
    expect(get(pair, SERVER, "--proxy", f"socks5h://alice:another@127.0.0.1:{PASSWORD}") == CONVERTER, "the new password is wrong")
    old = curl(pair, "--proxy", f"socks5h://alice:very%20secret@127.0.0.1:{PASSWORD}", url(SERVER))
    expect(old[0] != 0, "the old password still holds")


def converter_dead(pair):
    """It is silent, then gone; what the CPE then connects itself is not taken once more."""
    pair.core.run("nft", "-f", "-", input="table inet dead { chain f { type filter hook forward priority 0; policy accept;"
                  f" ip daddr {CONVERTER} drop; }}; }}")
    before = shown(pair)
    began = time.monotonic()
    expect(get(pair, SERVER) == CPE, "not direct")
    took = time.monotonic() - began
    expect(1.0 <= took < 4, f"direct after {took:.1f} s")
    socks = ("--socks5-hostname", f"127.0.0.1:{SOCKS}")
    expect(get(pair, "server.example", *socks) == CPE, "not direct at the local door")
    view = shown(pair)
    expect(view["accepted"] == before["accepted"] + 1, f"taken {view['accepted'] - before['accepted']} times for 1 connection")
    expect(socks_reply(pair, "server.example", NOBODY_LISTENS) == 5, "a refusal of the server itself is not told")
    pair.core.run("nft", "delete", "table", "inet", "dead")
    wait_until("the converter is used again", lambda: shown(pair)["converters"][0]["reachable"])
    expect(get(pair, SERVER) == CONVERTER, "not converted again")
    print(f"  direct {took:.2f} s after the converter fell silent")


def uplink_lost(pair):
    """In the middle of a download: it ends by the other one, though the program has the address of the first."""
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect((SERVER, PORT))
        client.sendall(b"GET /long HTTP/1.0\r\n\r\n")
        got = bytearray(client.recv(100_000))
        pair.cpe.ip("link set up1 down")
        while part := client.recv(1 << 18):
            got += part
    expect(got.endswith(b"\r\n\r\n" + BODY * LONG), "other octets than the server sent")


def limited(pair):
    """Beyond a limit a connection goes direct, and the next ones are not even taken."""
    set_file(pair, DEVICE + "\n[single]\n[limits]\nper_client = 1\n")
    with pair.cpe.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.settimeout(10)
        one.connect((SERVER, PORT))
        wait_until("it counts", lambda: shown(pair)["connections"] == 1)
        for _ in range(2):
            expect(get(pair, SERVER) != CONVERTER, "converted beyond the limit")
    view = shown(pair)
    expect(view["direct"]["limit-per-client"] == 1 and view["beyond_limit_syns"] >= 1, f"{view}")


def killed(pair):
    role = pair.cpe_role
    role.process.kill()
    role.process.wait()
    pair.cpe.run(role.executable, "cpe", "cleanup", env=role.environment)
    expect("anabranch" not in pair.cpe.run("nft", "list", "tables"), "cleanup leaves the table")
    expect(get(pair, SERVER) == "172.16.2.1", "not direct after cleanup")
    role.config.write_text(DEVICE)
    role.start("--single")
    expect(get(pair, SERVER) == CONVERTER, "--single alone takes nothing")
    pair.stop()
    expect("anabranch" not in pair.cpe.run("nft", "list", "tables"), "a table is left")
    expect("proto 173" not in pair.cpe.run("ip", "rule"), "a rule is left")


def scenario(executable, folder):
    global DEVICE
    users = folder / "users"
    users.write_text("# of the scenario\nalice:very secret\n")
    users.chmod(0o600)
    DEVICE = DEVICE.replace("USERS", str(users))
    for path, text in (("/etc/hosts", HOSTS), ("/etc/resolv.conf", "nameserver 127.0.0.1\n")):
        (folder / os.path.basename(path)).write_text(text)
        subprocess.run(["mount", "--bind", str(folder / os.path.basename(path)), path], check=True)
    pair = Pair(executable, folder, cpe=DEVICE + "\n[single]\n")
    pair.users = users
    pair.body = folder / "body"
    pair.body.write_bytes(BODY)
    for address in (SERVER, SERVER6):
        serve(pair.server, address)
    for step in (own_connections, left_alone, refused, asked_in_words, told_why_not, chosen_users, chosen_cgroups, doors_change,
                 converter_dead, uplink_lost, limited, killed):
        began = time.monotonic()
        step(pair)
        print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)


main(scenario, ["curl", "ip", "nft", "setpriv"])
