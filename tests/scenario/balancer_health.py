#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch balancer` over three nginx that it checks by TCP, HTTP and MPTCP. One is stopped: new connections avoid it
as soon as its checks have failed, and a download from another one does not notice; back again it starts slowly. One is
drained, and stays so while the balancer is restarted and killed. When all are down, all get connections. A file that is
wrong is refused, metrics are scraped, and no connection breaks while rings change.

Usage: balancer_health.py ANABRANCH, as root. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import hashlib
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from balanced import CLIENT, UNUSED, VIP, VIP6, Network
from namespaces import Skipped, end, expect, main, wait_until
from proxy_pair import Role

SERVERS = 3
SERVES = "up", "starting"
HTTP, TCP, MPTCP = 80, 81, 82
METRICS = 9473
CAPABILITIES = "-all,+bpf,+perfmon,+net_admin"
BIG = 40 << 20
NGINX = """daemon off;
worker_processes 1;
user root;
error_log {folder}/log-nginx;
pid {folder}/pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 80; listen [::]:80; listen 81; listen 82;
    root {www};
    location = /who {{ return 200 "{name}"; }}
    location /big {{ limit_rate 2m; }}
    location = /alive {{ {alive} }}
  }}
}}
"""


# New connections, one after the other, until a line comes; how many were good and how many broke.
CONNECTING = """import select, socket, sys
good = broken = 0
while not select.select([sys.stdin], [], [], 0.01)[0]:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as connection:
            connection.sendall(b"GET /who HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        good += b"\\r\\n\\r\\nserver" in answer
    except OSError:
        broken += 1
print(good, broken)
"""


def settings(weights=(1,) * SERVERS, slow_start="5s"):
    text = f"""[balancer]
interface = "eth0"
pins = "{os.environ["PINS"]}"
connections = 10000
slow_start = "{slow_start}"

[metrics]
listen = "127.0.0.1:{METRICS}"

[health]
check = "http"
path = "/alive"
expect = 204
interval = "500ms"
fall = 3

[[vip]]
address = "{VIP}:{HTTP}"

[[vip]]
address = "[{VIP6}]:{HTTP}"

[[vip]]
address = "{VIP}:{TCP}"
[vip.health]
check = "tcp"

[[vip]]
address = "{VIP}:{MPTCP}"
[vip.health]
check = "mptcp"
interval = "1s"
fall = 2
"""
    for number, weight in enumerate(weights, 1):
        text += f"""
[[server]]
name = "server{number}"
id = {number}
addresses = ["10.9.0.1{number}", "2001:db8:9::1{number}"]
weight = {weight}
"""
    return text


class Site(Network):
    def __init__(self, executable, folder):
        super().__init__(SERVERS)
        self.executable, self.folder = executable, folder
        content = os.urandom(1 << 20) * (BIG >> 20)
        (folder / "www").mkdir()
        (folder / "www/big").write_bytes(content)
        self.hash = hashlib.sha256(content).hexdigest()
        self.nginx = {}
        for number in self.servers:
            self.begin_serving(number)
        limited = folder / "limited"
        limited.write_text(f'#!/bin/sh\nexec setpriv --bounding-set={CAPABILITIES} {executable} "$@"\n')
        limited.chmod(0o755)
        self.role = Role(str(limited), self.balancer, folder / "balancer", "balancer", settings())

    def begin_serving(self, number, alive="return 204;", mptcp=True):
        folder = self.folder / f"nginx{number}"
        folder.mkdir(exist_ok=True)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, www=self.folder / "www", name=f"server{number}", alive=alive))
        # Sockets of TCP made sockets of MPTCP, which take TCP as well.
        made_mptcp = [self.executable, "run", "--"] if mptcp else []
        self.nginx[number] = self.servers[number].start([*made_mptcp, "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
        wait_until(f"nginx of server{number} listens", lambda: self.servers[number].run("ss", "-Hltn", f"sport = :{MPTCP}"), 30)

    def stop_serving(self, number):
        end(self.nginx[number])

    def do(self, *arguments):
        return self.balancer.command(self.role.executable, "balancer", *arguments, env=self.role.environment)

    def show(self):
        return json.loads(self.role.show())

    def service(self, address=f"{VIP}:{HTTP}"):
        vip, = [vip for vip in self.show()["vips"] if vip["address"] == address]
        return vip, {server["name"]: server for server in vip["servers"]}

    def states(self, address=f"{VIP}:{HTTP}"):
        return [server["state"] for server in self.service(address)[1].values()]

    def everywhere(self, number, *states):
        """The server stands so with all services."""
        return all(server["state"] in states for vip in self.show()["vips"] for server in vip["servers"] if server["id"] == number)

    def wait_for(self, number, *states):
        wait_until(f"server{number} is {' or '.join(states)} for all services", lambda: self.everywhere(number, *states), 40)

    def who(self, count, port=HTTP):
        """The servers that so many new connections meet, one after the other."""
        script = f"""import socket
for _ in range({count}):
    with socket.create_connection(("{VIP}", {port}), 20) as connection:
        connection.sendall(b"GET /who HTTP/1.0\\r\\n\\r\\n")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    print(answer.decode().rsplit("\\n", 1)[-1])
"""
        return self.client.run(sys.executable, "-c", script, timeout=100).split()

    def download(self):
        """A long one through the balancer, from now on; and the server that has it."""
        big = self.client.start(["curl", "-sS", "-o", str(self.folder / "got"), f"http://{VIP}/big"])
        serving = lambda: [number for number, server in self.servers.items()
                           if server.run("ss", "-Htn", "state", "established", f"sport = :{HTTP}", "dst", CLIENT)]
        wait_until("the download has begun", serving)
        number, = serving()
        return big, number

    def finish(self, big):
        expect(big.wait(timeout=120) == 0, "the download broke")
        found = hashlib.sha256((self.folder / "got").read_bytes()).hexdigest()
        expect(found == self.hash, "the download is another one")


def all_up(site):
    site.role.start()
    for number in site.servers:
        site.wait_for(number, "up")
    places = [server["places"] for server in site.service()[1].values()]
    slow = "is down" in site.role.log.read_text()  # a machine that was too busy for the first check
    expect(slow or min(places) > 20000, f"at the start nobody starts slowly: {places}")
    expect(set(site.who(60)) == {"server1", "server2", "server3"}, "not all servers get connections")


def one_stops(site, big_at):
    """Another one than that of the download."""
    victim = next(number for number in site.servers if number != big_at)
    begun = time.monotonic()
    site.stop_serving(victim)
    theirs = lambda vip: next(server for server in vip["servers"] if server["id"] == victim)
    # Rings follow what the checks have found.
    wait_until(f"server{victim} is down and has no places", lambda: all(
        theirs(vip)["state"] == "down" and theirs(vip)["places"] == 0 for vip in site.show()["vips"]), 40)
    took = time.monotonic() - begun
    for vip in site.show()["vips"]:
        expect("refused" in theirs(vip)["trouble"], f"{vip['address']} says {theirs(vip)}")
        expect(vip["panic"] is False, "one server is not all")
    for port in (HTTP, TCP, MPTCP):
        expect(f"server{victim}" not in site.who(40, port), "a server that is down gets new connections")
    explained = site.do("explain", "-c", str(site.role.config), f"{CLIENT}:{UNUSED}", f"{VIP}:{HTTP}").stdout
    expect(f"server{victim}: down for" in explained, f"explain says {explained}")
    print(f"server{victim} stopped: out for 4 services after {took:.1f} s", flush=True)

    site.begin_serving(victim)
    shares = []

    def grown():
        server = site.service()[1][f"server{victim}"]
        shares.append((server["state"], server["places"] / 65537))
        return server["state"] == "up" and shares[-1][1] > 0.3
    wait_until("the server has its whole weight again", grown, 40)
    starting = [share for state, share in shares if state == "starting"]
    expect(starting and starting[0] < 0.31 and starting == sorted(starting), f"no slow start: {shares}")
    steps = sorted(set(round(share, 3) for share in starting))
    print(f"back: shares of the ring while it grew: {steps}", flush=True)


def unwell(site):
    """It accepts connections and says that it is not well: what only HTTP can tell."""
    site.stop_serving(3)
    site.begin_serving(3, alive="return 503;")
    wait_until("server3 is down for HTTP", lambda: site.states()[2] == "down", 40)
    expect("503" in site.service()[1]["server3"]["trouble"], "the status is not said")
    wait_until("it is up for TCP and MPTCP", lambda: all(site.states(f"{VIP}:{port}")[2] in SERVES
                                                          for port in (TCP, MPTCP)), 40)
    site.stop_serving(3)
    site.begin_serving(3)
    site.wait_for(3, *SERVES)


def without_mptcp(site):
    """It accepts connections and has lost MPTCP: what only a handshake can tell."""
    site.stop_serving(2)
    site.begin_serving(2, mptcp=False)
    wait_until("server2 is down for MPTCP", lambda: site.states(f"{VIP}:{MPTCP}")[1] == "down", 40)
    trouble = site.service(f"{VIP}:{MPTCP}")[1]["server2"]["trouble"]
    expect("without MPTCP" in trouble, f"the check says {trouble}")
    wait_until("it is up for TCP", lambda: site.states(f"{VIP}:{TCP}")[1] in SERVES, 40)
    site.stop_serving(2)
    site.begin_serving(2)
    site.wait_for(2, *SERVES)


def drained(site):
    expect(site.do("drain", "server9").returncode == 2, "a server that there is not is drained")
    expect(site.do("drain", "server1").returncode == 0, "drain fails")
    is_out = lambda: expect(site.everywhere(1, "drained") and "server1" not in site.who(30), "a drained server gets connections")
    is_out()
    site.role.stop()
    expect("server1" not in site.who(30), "without the balancer a drained server gets connections")
    site.role.start()
    is_out()
    site.role.process.kill()
    site.role.process.wait()
    site.role.start()
    is_out()
    expect("drained" in site.balancer.run(site.role.executable, "balancer", "show", env=site.role.environment), "show does not say it")
    expect(site.do("drain", "--undo", "server1").returncode == 0, "drain --undo fails")
    wait_until("server1 gets connections again", lambda: "server1" in site.who(30), 30)
    site.wait_for(1, *SERVES)
    # What cannot be read is said, and stops nothing.
    site.role.stop()
    (site.role.folder / "state/balancer-drained.json").write_text('{"drained": [')
    site.role.start()
    expect("no server counts as drained" in site.role.log.read_text(), "a broken file is not said")


def changes(site):
    """Rings change while connections come, and none of them breaks; a file that is wrong changes nothing."""
    def read_again(**changed):
        site.role.config.write_text(settings(**changed))
        expect(site.do("reload").returncode == 0, "reload fails")

    read_again(weights=(1, 1))
    expect("server3" not in site.who(20), "a server that is gone gets connections")
    steady = site.client.start([sys.executable, "-c", CONNECTING, VIP, str(HTTP)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for weights in ((1, 1, 1), (5, 1, 1), (1, 0, 1), (1, 1, 1)):
        read_again(weights=weights, slow_start="1s")
        site.who(5)
        expect(site.do("drain", "server1").returncode == 0 and site.do("drain", "--undo", "server1").returncode == 0, "drain fails")
    for wrong, place in ((settings() + "[health]\n", f"balancer.toml:{len(settings().splitlines()) + 1}:1: "),
                         (settings().replace("expect = 204", "expect = 20"), "balancer.toml:13:10: ")):
        site.role.config.write_text(wrong)
        refused = site.do("reload")
        expect(refused.returncode == 2 and place in refused.stderr, f"a wrong file: {refused.stderr}")
    output, _ = steady.communicate("end\n", timeout=60)
    good, broken = map(int, output.split())
    print(f"{good} connections while rings changed, {broken} broke", flush=True)
    expect(good > 20 and broken == 0, f"beside {good} good connections {broken} broke")
    read_again()


def scraped(site):
    text = site.balancer.run("curl", "-sS", f"http://127.0.0.1:{METRICS}/metrics")
    service = f'vip="{VIP}:{HTTP}"'
    for line in (f'anabranch_balancer_server_up{{{service},server="server1"}} 1',
                 f'anabranch_balancer_panic{{{service}}} 0',
                 'anabranch_balancer_server_drained{server="server1"} 0'):
        expect(line in text, f"{line} is not in the metrics")
    begin = f'anabranch_balancer_packets_total{{{service},reason="by-ring"}} '
    by_ring = [float(line.removeprefix(begin)) for line in text.splitlines() if line.startswith(begin)]
    expect(by_ring and by_ring[0] > 100, "packets are not counted over restarts")


def all_down(site):
    for number in site.servers:
        site.stop_serving(number)
    wait_until("all are down", lambda: site.states() == ["down"] * SERVERS and site.service()[0]["panic"], 40)
    places = [server["places"] for server in site.service()[1].values()]
    expect(min(places) > 20000, f"with all down the ring is {places}")
    text = site.balancer.run(site.role.executable, "balancer", "show", env=site.role.environment)
    expect("ALL SERVERS ARE DOWN" in text and "all servers of" in site.role.log.read_text(), "nobody says it")
    site.begin_serving(1)
    wait_until("server1 has all places", lambda: [server["places"] == 0 for server in site.service()[1].values()]
               == [False, True, True], 40)
    expect(set(site.who(10)) == {"server1"}, "the others get connections")


def scenario(executable, folder):
    with open("/proc/self/uid_map") as uid_map:
        if uid_map.read().split() != ["0", "0", str(2**32 - 1)]:
            raise Skipped("an ordinary user may not load BPF programs")
    (folder / "bpf").mkdir()
    os.environ["PINS"] = str(folder / "bpf/anabranch/balancer")
    expect(os.system(f"mount -t bpf bpf {folder}/bpf") == 0, "no BPF file system")
    try:
        site = Site(executable, folder)
        all_up(site)
        big, big_at = site.download()
        one_stops(site, big_at)
        site.finish(big)
        unwell(site)
        without_mptcp(site)
        drained(site)
        changes(site)
        scraped(site)
        all_down(site)
        site.role.stop()
    finally:
        os.system(f"umount {folder}/bpf")


main(scenario, ["nginx", "curl", "ss"])
