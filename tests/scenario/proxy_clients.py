#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real clients and servers that speak only TCP, every octet of theirs through the proxy pair: curl, wget, git, rsync,
ssh, redis-cli, psql, a WebSocket, and a stress client that does with its sockets what programs do.

Usage: proxy_clients.py ANABRANCH [--plain] [--soak] [NAME...], as root or as an ordinary user. With --plain packets
are routed past the pair, with --soak a transfer has 1 GB and there are 10,000 short connections. NAMEs choose among
the clients. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import hashlib
import json
import os
import pty
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
import namespaces
from namespaces import HELPERS, Failed, Skipped, expect, main, wait_until
from proxy_pair import CONVERTER, CONVERTER_TOML, CPE, CPE_TOML, HOST, SERVER, SERVER6, Pair

ARGUMENTS = sys.argv[2:]
SOAK = "--soak" in ARGUMENTS
PLAIN = "--plain" in ARGUMENTS
CHOSEN = [word for word in ARGUMENTS if not word.startswith("-")]
BIG = (1000 if SOAK else 64) << 20
SHORT_CONNECTIONS = 10000 if SOAK else 500
PATTERN_OCTETS = 3_000_000
SECOND_UPLINK = "172.16.2.1"
# What the kernel allows to wait in a listener, whom nobody asks for them.
IDLE_CONNECTIONS = 4000 if SOAK else 2000
IDLE_PORT = 9009
IDLE_KIB = 4.0
PATIENCE = 900 if SOAK else 120
# From outside: of the converter, of the CPE, of the LAN host.
INCOMING_PORT = 9000
CONVERTER_SETTINGS = CONVERTER_TOML + f"""
[[incoming]]
name = "host"
listen = "{CONVERTER}:{INCOMING_PORT}"
client = "{CPE}:{INCOMING_PORT}"
"""
# On a machine that is busy with other tests a converter is no less a converter for answering late.
CPE_SETTINGS = CPE_TOML.replace("[cpe]\n", '[cpe]\nunreachable_after = "10s"\n') + f"""
[[incoming]]
name = "host"
listen = "{CPE}:{INCOMING_PORT}"
host = "{HOST}:{INCOMING_PORT}"
"""
UNPACKED_SSHD = "/opt/anabranch-test/openssh-server/usr/sbin/sshd"
# Some servers refuse to be root, or become somebody else if they are: they get a user of their own.
AS_TESTER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
NGINX = """daemon off;
worker_processes 1;
user root;
error_log stderr;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 80; listen [::]:80; root {folder}/www; location /put/ {{ dav_methods PUT; create_full_put_path on; }} }}
}}
"""
SSHD = """Port 2222
ListenAddress {server}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/client_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
UseDNS no
PrintMotd no
"""


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def random_file(path, octets):
    with open(path, "wb") as file:
        for begin in range(0, octets, 1 << 20):
            file.write(os.urandom(min(1 << 20, octets - begin)))
    return path


def program(name, *further):
    for folder in [*os.environ["PATH"].split(":"), *further]:
        if os.access(f"{folder}/{name}", os.X_OK):
            return f"{folder}/{name}"
    raise Skipped(f"no {name}")


class Clients:
    """Every method with a public name is a client with its server."""

    def __init__(self, pair, folder):
        self.pair, self.folder = pair, folder
        for name in ("www/put", "out", "served"):
            (folder / name).mkdir(parents=True)
        self.big = random_file(folder / "www/big", BIG)
        self.big_hash = hash_of(self.big)
        self._serve([program("nginx"), "-p", str(folder), "-c", self._file("nginx.conf", NGINX)], "80")
        self._serve([sys.executable, str(HELPERS / "tcp_patterns.py"), "serve", "::", "9000"], "9000")
        # Users that are there whatever the machine's own file says.
        users = f"root:x:0:0::{folder}:/bin/sh\ntester:x:1000:1000::{folder}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
        subprocess.run(["mount", "--bind", self._file("passwd", users), "/etc/passwd"], check=True)
        subprocess.run(["mount", "--bind", self._file("group", "root:x:0:\ntester:x:1000:\n"), "/etc/group"], check=True)

    def _file(self, name, text):
        path = self.folder / name
        path.write_text(text.format(folder=self.folder, server=SERVER) if "{folder}" in text else text)
        return str(path)

    def _serve(self, arguments, port, node=None, **options):
        """A server, and until it listens."""
        node = node or self.pair.server
        log = open(self.folder / f"log-{Path(arguments[0]).name}-{port}", "a")
        server = node.start(arguments, stdout=log, stderr=log, **options)

        def listens():
            expect(server.poll() is None, f"{' '.join(arguments)} has ended")
            return node.run("ss", "-Hltn", f"sport = :{port}")

        wait_until(f"{arguments[0]} listens", listens, 30)
        return server

    def _run(self, *arguments, **options):
        """A client on the host, to its end."""
        return self.pair.host.run(*arguments, timeout=PATIENCE, **options)

    def _same(self, path, what):
        expect(hash_of(path) == self.big_hash, f"{what}: not what was sent has arrived")

    def curl_down(self):
        for address in (SERVER, f"[{SERVER6}]"):
            self._run("curl", "-sS", "--fail", "-o", str(self.folder / "out/curl"), f"http://{address}/big")
            self._same(self.folder / "out/curl", f"curl from {address}")

    def curl_up(self):
        for address in (SERVER, f"[{SERVER6}]"):
            self._run("curl", "-sS", "--fail", "-T", str(self.big), f"http://{address}/put/curl")
            self._same(self.folder / "www/put/curl", f"curl to {address}")
            (self.folder / "www/put/curl").unlink()

    def wget(self):
        self._run(program("wget"), "-q", "-O", str(self.folder / "out/wget"), f"http://{SERVER}/big")
        self._same(self.folder / "out/wget", "wget")

    def _repository(self):
        """A bare repository to be served, and a clone of it with 300 commits' worth of objects."""
        served = self.folder / "served/repository.git"
        if served.exists():
            return served
        work = self.folder / "work"
        environment = os.environ | self._git_environment()
        subprocess.run(["git", "init", "-q", str(work)], check=True, env=environment)
        for number in range(15):
            random_file(work / f"file{number}", 50_000)
        for text in ("first", "second"):
            (work / "text").write_text(text)
            subprocess.run(["git", "-C", str(work), "add", "."], check=True, env=environment)
            subprocess.run(["git", "-C", str(work), "commit", "-q", "-m", text], check=True, env=environment)
        subprocess.run(["git", "clone", "-q", "--bare", str(work), str(served)], check=True, env=environment)
        subprocess.run(["git", "-C", str(served), "config", "http.receivepack", "true"], check=True, env=environment)
        return served

    def _git_environment(self):
        who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
               for part, value in (("NAME", "tester"), ("EMAIL", "tester@example.org"))}
        config = self._file("gitconfig", "[safe]\ndirectory = *\n[init]\ndefaultBranch = main\n")
        return who | {"HOME": str(self.folder), "GIT_CONFIG_GLOBAL": config, "GIT_CONFIG_NOSYSTEM": "1"}

    def _git(self, url, name, **environment):
        """Clones, commits, pushes, and clones again."""
        environment = os.environ | self._git_environment() | environment
        clone, again = self.folder / f"out/{name}", self.folder / f"out/{name}-again"
        self._run("git", "clone", "-q", url, str(clone), env=environment)
        random_file(clone / name, 5_000_000)
        for arguments in (["add", "."], ["commit", "-q", "-m", name],
                          ["-c", "http.postBuffer=100000000", "push", "-q", "origin", "HEAD"]):
            self._run("git", "-C", str(clone), *arguments, env=environment)
        self._run("git", "clone", "-q", url, str(again), env=environment)
        expect(hash_of(clone / name) == hash_of(again / name), f"{name}: another file came back")
        self._run("git", "-C", str(again), "fsck", "--full", env=environment)

    def git_http(self):
        served = self._repository()
        self._serve([sys.executable, str(HELPERS / "git_http.py"), str(served.parent), SERVER, "8081"], "8081",
                    env=os.environ | self._git_environment())
        self._git(f"http://{SERVER}:8081/repository.git", "git-http")

    def _ssh(self):
        """sshd, and the words of a client of it."""
        key = self.folder / "client_key"
        if not key.exists():
            for name in (key, self.folder / "host_key"):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(name)], check=True)
            sshd = UNPACKED_SSHD if os.access(UNPACKED_SSHD, os.X_OK) else program("sshd")
            self._serve([*AS_TESTER, sshd, "-D", "-e", "-f", self._file("sshd_config", SSHD)], "2222",
                        env=os.environ | self._git_environment())
        return ["ssh", "-F", "none", "-i", str(key), "-p", "2222", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                "-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-o", "LogLevel=ERROR"]

    def git_ssh(self):
        self._repository()
        self._git(f"tester@{SERVER}:{self.folder}/served/repository.git", "git-ssh", GIT_SSH_COMMAND=" ".join(self._ssh()))

    def ssh_pipe(self):
        with open(self.big, "rb") as big:
            words = self._run(*self._ssh(), f"tester@{SERVER}", "sha256sum", stdin=big).split()
        expect(words[0] == self.big_hash, "ssh: not what was sent has arrived")

    def ssh_interactive(self):
        """A shell on a terminal: keys one by one, their echo, a resized window, an interrupted command."""
        terminal, inner = pty.openpty()
        client = self.pair.host.start([*self._ssh(), "-tt", f"tester@{SERVER}", "/bin/sh -i"], stdin=inner, stdout=inner,
                                      stderr=inner, start_new_session=True)
        os.close(inner)
        seen = bytearray()

        def until(text, patience=15.0):
            deadline = time.monotonic() + patience
            while text not in seen:
                expect(time.monotonic() < deadline, f"ssh did not show {text!r} but {bytes(seen[-200:])!r}")
                if select.select([terminal], [], [], 0.1)[0]:
                    seen.extend(os.read(terminal, 4096))
            del seen[:seen.index(text) + len(text)]

        until(b"$ ")
        # The last one speaks once it is what the terminal's keys are for: interrupted before, the shell would be meant.
        slow = b"sh -c 'echo is\"\" slow; exec sleep 100'\n"
        for command, answer in ((b"echo $((6 * 7))\n", b"\r\n42\r\n"), (b"tty\n", b"/dev/pts/"), (slow, b"is slow\r\n")):
            for key in command:
                os.write(terminal, bytes([key]))
            until(answer)
        os.write(terminal, b"\x03")
        until(b"$ ")
        os.write(terminal, b"seq 1 20000; echo end-of-it\n")
        until(b"\r\n20000\r\n", 30)
        until(b"end-of-it\r\n")
        os.write(terminal, b"exit 7\n")
        code = client.wait(timeout=15)
        os.close(terminal)
        expect(code == 7, f"ssh ended with {code}, not with the shell's 7")

    def rsync(self):
        source, target = self.folder / "tree", self.folder / "served/tree"
        for number in range(100):
            (source / str(number % 7)).mkdir(parents=True, exist_ok=True)
            random_file(source / str(number % 7) / f"file{number}", 1000 * number)
        config = self._file("rsyncd.conf", "use chroot = no\nreverse lookup = no\naddress = {server}\nport = 8730\n[tree]\n"
                                           "path = {folder}/served\nread only = no\n")
        self._serve([*AS_TESTER, program("rsync"), "--daemon", "--no-detach", "--config", config], "8730")
        url = f"rsync://{SERVER}:8730/tree/tree/"
        self._run("rsync", "-r", "--checksum", f"{source}/", url)
        random_file(source / "3/file3", 77777)
        (source / "4/file4").unlink()
        self._run("rsync", "-r", "--checksum", "--delete", f"{source}/", url)
        self._run("rsync", "-r", url, str(self.folder / "out/tree"))
        for there in (target, self.folder / "out/tree"):
            done = subprocess.run(["diff", "-r", str(source), str(there)], capture_output=True, text=True)
            expect(done.returncode == 0, f"rsync: {done.stdout[:300]}")

    def redis(self):
        self._serve([program("redis-server"), "--bind", SERVER, "--port", "6379", "--save", "", "--protected-mode", "no",
                     "--dir", str(self.folder)], "6379")
        redis = ["redis-cli", "-h", SERVER]
        with open(self.big, "rb") as big:
            value = big.read(20_000_000)
        expect(self._run(*redis, "-x", "SET", "big", input=value, text=False) == b"OK\n", "redis-cli: SET")
        expect(self._run(*redis, "--raw", "GET", "big", text=False) == value + b"\n", "redis-cli: GET")
        commands = "".join(f"SET key{number} {number}\r\n" for number in range(20000))
        expect("errors: 0, replies: 20000" in self._run(*redis, "--pipe", input=commands), "redis-cli --pipe")
        expect(self._run(*redis, "GET", "key19999") == "19999\n", "redis-cli: the last key")

    def psql(self):
        folders = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
        initdb, postgres = program("initdb", *folders), program("postgres", *folders)
        database = str(self.folder / "database")
        done = subprocess.run([*AS_TESTER, initdb, "-D", database, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale", "C",
                               "--no-sync"], capture_output=True, text=True, cwd="/")
        expect(done.returncode == 0, f"initdb: {done.stderr}")
        with open(f"{database}/pg_hba.conf", "a") as access:
            access.write("host all all 0.0.0.0/0 trust\n")
        server = self._serve([*AS_TESTER, postgres, "-D", database, "-c", f"listen_addresses={SERVER}", "-c", "fsync=off",
                              "-c", f"unix_socket_directories={self.folder}"], "5432", cwd="/")
        psql = ["psql", "-h", SERVER, "-U", "tester", "-d", "postgres", "-Atq"]
        wait_until("PostgreSQL answers", lambda: self.pair.host.command(*psql, "-c", "select 1").stdout == "1\n", 30)
        expect(self._run(*psql, "-c", "select sum(n) from generate_series(1, 100000) n") == "5000050000\n", "psql: a sum")
        rows = self._run(*psql, "-c", "select md5(n::text) from generate_series(1, 200000) n").split()
        expect(len(rows) == 200000 and rows[-1] == hashlib.md5(b"200000").hexdigest(), "psql: rows")
        self._run(*psql, "-c", "create table t (a text)")
        self._run(*psql, "-c", "copy t from stdin", input="\n".join(rows))
        expect(self._run(*psql, "-c", "copy t to stdout").split() == rows, "psql: COPY")
        server.terminate()
        server.wait(timeout=15)

    def websocket(self):
        # The one that Debian's packages are for.
        ends = ["/usr/bin/python3", str(HELPERS / "websocket_ends.py")]
        self._serve([*ends, "serve", SERVER, "8765"], "8765")
        expect(self._run(*ends, "talk", SERVER, "8765") == "right 27\n", "WebSocket")

    def _patterns(self, node, address):
        done = node.command(sys.executable, str(HELPERS / "tcp_patterns.py"), "talk", address, "9000", str(self.folder / "out"),
                            str(PATTERN_OCTETS), timeout=PATIENCE, capture_output=False)
        expect(done.returncode == 0, f"stress client, {address}")

    def patterns(self):
        for address in (SERVER, SERVER6):
            self._patterns(self.pair.host, address)

    def patterns_from_outside(self):
        """A remote host is the client of the LAN host."""
        self._serve([sys.executable, str(HELPERS / "tcp_patterns.py"), "serve", HOST, str(INCOMING_PORT)], str(INCOMING_PORT),
                    node=self.pair.host)
        self._patterns(self.pair.server, HOST if PLAIN else CONVERTER)

    def subflows_come_and_go(self):
        """The second one of both transfers is closed and opened again all the time, in the middle of their octets."""
        if PLAIN:
            return
        endpoint = f"{SECOND_UPLINK} dev up2 subflow"
        joins = self.pair.mptcp_joins()
        over = threading.Event()

        def close_and_open():
            while not over.wait(0.15):
                self.pair.cpe.ip(f"mptcp endpoint del id {self._endpoint()}")
                over.wait(0.05)
                self.pair.cpe.ip(f"mptcp endpoint add {endpoint}")

        changer = threading.Thread(target=close_and_open)
        changer.start()
        try:
            self.curl_down()
            self.curl_up()
        finally:
            over.set()
            changer.join()
        expect(self.pair.mptcp_joins() - joins >= 10, f"only {self.pair.mptcp_joins() - joins} subflows came")

    def _endpoint(self):
        lines = self.pair.cpe.run("ip", "mptcp", "endpoint", "show").splitlines()
        return next(line.split()[2] for line in lines if line.startswith(f"{SECOND_UPLINK} "))

    def short_connections(self):
        said = self._run(sys.executable, str(HELPERS / "tcp_patterns.py"), "storm", SERVER, "9000", str(SHORT_CONNECTIONS))
        expect(said == f"right {SHORT_CONNECTIONS}\n", f"short connections: {said}")

    def idle_connections(self):
        """At rest they hold no buffer: what CPE and converter have more in memory for each."""
        if PLAIN:
            return
        listener = self.pair.server.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind((SERVER, IDLE_PORT))
        listener.listen(4096)
        roles = (self.pair.cpe_role, self.pair.converter_role)

        def carry(number):
            return all(json.loads(role.show())["connections"] == number for role in roles)

        wait_until("the connections of other clients are over", lambda: carry(0), 60)
        before = [pss(role.process.pid) for role in roles]
        open_ones = [self.pair.host.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(IDLE_CONNECTIONS)]
        for connection in open_ones:
            connection.connect((SERVER, IDLE_PORT))
        wait_until(f"{IDLE_CONNECTIONS} connections are carried", lambda: carry(IDLE_CONNECTIONS), 60)
        each = [(pss(role.process.pid) - was) / IDLE_CONNECTIONS for role, was in zip(roles, before)]
        for connection in (listener, *open_ones):
            connection.close()
        print(f"  {IDLE_CONNECTIONS} idle connections: {each[0]:.2f} KiB each of the CPE, {each[1]:.2f} of the converter")
        expect(max(each) <= IDLE_KIB, f"an idle connection costs {max(each):.1f} KiB")


def pss(pid):
    """User memory of a process in KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def counted(pair):
    """MPTCP connections that converter and CPE have accepted, and those that the converter opened, to whomever."""
    return (pair.mptcp_connections(), pair.counter(pair.cpe, "MPCapableACKRX"), pair.counter(pair.converter, "MPCapableSYNTX"),
            pair.mptcp_joins())


def through_the_pair(pair, name, client):
    before = counted(pair)
    began = time.monotonic()
    client()
    took = time.monotonic() - began
    outgoing, incoming, opened, joined = (now - then for now, then in zip(counted(pair), before))
    print(f"{name}: {took:.1f} s, {outgoing + incoming} MPTCP connections between CPE and converter, {joined} joined", flush=True)
    if not pair.plain:
        expect(outgoing + incoming > 0, f"{name} went past the converter")
        expect(opened <= incoming, f"{name}: the converter spoke MPTCP to the server")


def scenario(executable, folder):
    if SOAK:
        namespaces.LIFETIME = 6 * 3600
    folder.chmod(0o755)
    pair = Pair(executable, folder, plain=PLAIN, converter=CONVERTER_SETTINGS, cpe=CPE_SETTINGS)
    clients = Clients(pair, folder)
    failures = []
    for name in [name for name in vars(Clients) if name[0] != "_"]:
        if CHOSEN and name not in CHOSEN:
            continue
        try:
            through_the_pair(pair, name, getattr(clients, name))
        except (Failed, OSError, subprocess.SubprocessError) as failure:
            print(f"{name}: FAILED: {failure}", flush=True)
            failures.append(name)
    expect(not failures, f"these did not get through: {', '.join(failures)}")
    if not PLAIN:
        expect(pair.mptcp_joins() > 0, "no connection had a second subflow")
    pair.stop()


main(scenario, ["curl", "nginx", "ss", "git", "ssh"])
