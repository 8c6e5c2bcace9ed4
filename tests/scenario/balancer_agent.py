#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The agent beside a server tells clients where further subflows go: they join there, through the balancer, and find the
web server (nginx under `anabranch run`) that has their connection. What it has set up works on when it is killed, is
taken over by the next one, and is taken back in the end. In connections of a path manager in user space it announces by
itself.

As root with a balancer and three servers, to one of which packets come encapsulated, and with the control channel; as an
ordinary user, who may load no BPF programs, with one server alone.

Usage: balancer_agent.py ANABRANCH. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import hashlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from balanced import BALANCER, BALANCER6, FIRST_JOIN_PORT, PORT, VIP, VIP6, Network, counters, sysctl
from namespaces import HELPERS, end, expect, main, wait_until
from proxy_pair import Role

CONNECTIONS = 12
PATIENCE = 40  # seconds, on a machine that does other things besides
OWN = "198.51.100.2{}"
BOTH = ("port", "address")
INITIAL = "/proc/sys/net/mptcp/allow_join_initial_addr_port"
PAGE = os.urandom(50_000)

NGINX = """daemon off;
master_process off;
user root;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/tmp;
  proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp;
  scgi_temp_path {folder}/tmp;
  keepalive_requests 1000;
  server {{
    listen {on}{port};
    listen {on6}:{port};
    root {folder};
  }}
}}
"""


def is_real_root():
    with open("/proc/self/uid_map") as uid_map:
        return uid_map.read().split() == ["0", "0", str(2**32 - 1)]


def settings(servers, pins, cures, inserts=10_000, drained=None):
    """Server 3 takes encapsulated packets."""
    text = f"""[balancer]
interface = "eth0"
pins = "{pins}"
connections = 10000
inserts_per_second = {inserts}
encapsulation_sources = ["{BALANCER}", "{BALANCER6}"]
"""
    if len(servers) > 1:
        text += f'\n[control]\nlisten = ["{BALANCER}:7443"]\nkey_file = "{os.environ["KEY"]}"\n'
    for address in (f"{VIP}:{PORT}", f"[{VIP6}]:{PORT}"):
        text += f'\n[[vip]]\naddress = "{address}"\ncures = {json.dumps(list(cures))}\n'
    for number in servers:
        text += f"""
[[server]]
name = "server{number}"
id = {number}
addresses = ["10.9.0.1{number}", "2001:db8:9::1{number}"]
join_addresses = ["{OWN.format(number)}"]
weight = {int(number != drained)}
forward = "{"encapsulate" if number == 3 else "ethernet"}"
"""
    return text


class Agent(Role):
    """`anabranch balancer server run` on a server, with files of its own."""

    def __init__(self, executable, number, servers, folder, cures=("port",)):
        self.pins = f"{os.environ['PINS']}{number}/balancer"
        self.servers, self.number = list(servers), number
        super().__init__(executable, servers[number], folder / f"agent{number}", "balancer",
                         settings(self.servers, self.pins, cures))

    def command(self, *arguments):
        return [self.executable, "balancer", "server", *arguments]

    def takes_file(self, verb):
        return self.command(verb, "-c", str(self.config), "--name", f"server{self.number}")

    def do(self, *arguments):
        return self.namespace.run(*self.command(*arguments), env=self.environment)

    def start(self, *options):
        with open(self.log, "a") as errors:
            self.process = self.namespace.start([*self.takes_file("run"), *options], stdout=errors, stderr=errors,
                                                env=self.environment)
        wait_until("the agent answers", self.answers, PATIENCE)

    def answers(self):
        expect(self.process.poll() is None, "the agent has ended")
        return self.namespace.command(*self.command("show"), env=self.environment).returncode == 0

    def view(self):
        return json.loads(self.do("show", "-j"))

    def configure(self, cures):
        self.config.write_text(settings(self.servers, self.pins, cures))
        self.do("reload")

    def states(self):
        return {(one["address"], one.get("port", 0)): one["state"] for one in self.view()["announces"]}

    def join_places(self):
        return {(VIP, FIRST_JOIN_PORT + self.number), (VIP6, FIRST_JOIN_PORT + self.number)}

    def own_places(self):
        """Where the web server does not listen the kernel does, at the join port."""
        return {(OWN.format(self.number), FIRST_JOIN_PORT + self.number if self.number == 1 else 0)}

    def expect_announced(self, places):
        wanted = {place: "announced" for place in places}
        wait_until(f"{sorted(places)} are announced",
                   lambda: endpoints(self.namespace) == places and self.states() == wanted, PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def clean_up(self):
        self.do("cleanup", "-c", str(self.config))
        expect(not self.has_program() and not os.path.exists(self.pins + "-server"), "cleanup leaves a program")

    def has_program(self):
        return "serve_tc" in self.namespace.run("tc", "filter", "show", "dev", "eth0", "ingress")

    def arrivals(self, name):
        return self.view()["arrivals"][name]

    def left(self):
        return os.listdir(self.folder / "run")


def endpoints(node):
    found = json.loads(node.run("ip", "-j", "mptcp", "endpoint", "show"))
    return {(one["address"], one.get("port", 0)) for one in found if one.get("signal")}


def initial_allowed(node):
    return node.run("cat", INITIAL).strip() == "1"


def subflows(node):
    return node.run("ip", "mptcp", "limits").split("subflows ")[1].split()[0]


def expect_untouched(node, what):
    expect(not endpoints(node), f"{what}: endpoints are left: {endpoints(node)}")
    expect(initial_allowed(node), f"{what}: the C flag is still set")
    expect(subflows(node) == "4", f"{what}: the limit of subflows is {subflows(node)}")


class Web(Network):
    def __init__(self, executable, folder, servers):
        super().__init__(servers)
        self.digest = hashlib.sha256(PAGE).hexdigest()
        self.joins_from("subflow fullmesh")
        for number, server in self.servers.items():
            place = folder / f"nginx{number}"
            (place / "tmp").mkdir(parents=True)
            (place / "page").write_bytes(PAGE)
            on, on6 = (f"{VIP}:", f"[{VIP6}]") if number == 1 else ("", "[::]")
            (place / "conf").write_text(NGINX.format(folder=place, on=on, on6=on6, port=PORT))
            server.start([executable, "run", "--", "nginx", "-p", str(place), "-c", str(place / "conf"), "-e", str(place / "log")])

    def serves(self):
        for number, server in self.servers.items():
            wait_until(f"nginx {number}", lambda: f":{PORT}" in server.run("ss", "-Hlnt"), PATIENCE)

    def ask(self, address=VIP):
        """Connections, each of which has brought its page."""
        asker = self.client.start([sys.executable, str(HELPERS / "web_requests.py"), address, str(PORT), "/page", self.digest,
                                   str(CONNECTIONS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        expect(asker.stdout.readline() == "ready\n", "the connections do not come about")
        return asker

    @staticmethod
    def still_whole(asker, what):
        asker.stdin.write("again\n")
        asker.stdin.flush()
        expect(asker.stdout.readline() == f"{CONNECTIONS}\n", f"{what}: connections have broken")

    def join(self, what, address=VIP, each=1, keep=False):
        """Connections of which every one gets `each` further subflows or more, and none meets a server without it."""
        names = "MPJoinAckRx", "MPJoinNoTokenFound", "MPJoinPortAckRx"
        before, seen = self.of_servers(*names), counters(self.client)["MPJoinSynAckRx"]
        found = lambda: [now - then for now, then in zip(self.of_servers(*names), before)]
        asker = self.ask(address)
        wait_until(f"{what}: every further subflow has joined ({found()})", lambda: found()[0] >= each * CONNECTIONS, PATIENCE)
        self.still_whole(asker, what)
        joined, missed, by_port = found()
        answered = counters(self.client)["MPJoinSynAckRx"] - seen
        print(f"{what}: {CONNECTIONS} connections, {joined} further subflows, {by_port} by port, {missed} misrouted", flush=True)
        expect(missed == 0 and answered >= each * CONNECTIONS, f"{what}: {missed} misrouted, {answered} answered")
        if keep:
            return asker
        asker.stdin.close()
        asker.wait()
        return by_port


def machine_is_judged(agent):
    """What is missing is told with the command that mends it; when it is there, it is announced at once."""
    node = agent.namespace
    node.ip(f"address del {VIP}/32 dev lo")
    sysctl(node, ipv4__conf__all__arp_ignore=0)
    checked = node.run(*agent.takes_file("check"), env=agent.environment)
    for line in ("ip address add 198.51.100.10/32 dev lo", "sysctl -w net.ipv4.conf.eth0.arp_ignore=1"):
        expect(line in checked, f"check does not tell '{line}': {checked}")
    sysctl(node, ipv4__conf__all__arp_ignore=1)
    agent.start()
    expect(agent.states()[VIP, FIRST_JOIN_PORT + agent.number] == "no-address", f"announced: {agent.states()}")
    # Where somebody has the join port, the kernel does not listen at it: nothing is announced, and nobody says so.
    port = FIRST_JOIN_PORT + agent.number
    taken = node.start([sys.executable, "-c", f"import socket; s = socket.create_server(('0.0.0.0', {port})); print(1, flush=True);"
                        " s.accept()"], stdout=subprocess.PIPE, text=True)
    taken.stdout.readline()
    node.ip(f"address add {VIP}/32 dev lo")
    wait_until("a taken join port is refused", lambda: agent.states()[VIP, port] == "refused", PATIENCE)
    end(taken)
    agent.expect_announced(agent.join_places())
    expect(not initial_allowed(node) and subflows(node) == "8", "neither C flag nor limit")
    wait_until("nothing is missing", lambda: not agent.view()["findings"], PATIENCE)
    wrong = node.command(*agent.command("check", "-c", str(agent.config), "--name", "server9"), env=agent.environment)
    expect(wrong.returncode == 2 and "server1" in wrong.stderr, f"a server that is not there: {wrong}")


def wall(web, agent):
    """Nobody but further subflows comes in at the join port."""
    expect(agent.has_program() == is_real_root(), "BPF programs are root's, and root has one")
    if not is_real_root():
        expect(agent.view()["arrivals"] is None, "a program counts that was refused")
        return
    web.client.command("timeout", "0.5", "bash", "-c", f"exec 3<>/dev/tcp/{VIP}/{FIRST_JOIN_PORT + agent.number}")
    expect(agent.arrivals("lost-no-join") > 0, "a connection begins at the join port")
    expect(agent.arrivals("join") > 0, "further subflows are not counted")


def killed_and_taken_over(web, agent):
    """The kernel goes on; the next one knows what is its own."""
    agent.kill()
    web.join("with an agent killed")
    expect(endpoints(agent.namespace) == agent.join_places(), "an endpoint went with the killed agent")
    agent.start()
    agent.expect_announced(agent.join_places())
    expect(agent.arrivals("unwrapped") > 0, "nothing came encapsulated, or counts did not outlive the agent")
    agent.namespace.ip("mptcp endpoint flush")
    agent.expect_announced(agent.join_places())


def ended_in_order(web, agents):
    """Connections live on with the subflow that they began with."""
    asker = web.join("before the end", keep=True)
    counted = lambda: [agent for agent in reversed(agents.values()) if agent.view()["connections"] > 0]
    agent = wait_until("connections are counted", counted, PATIENCE)[0]
    agent.stop()
    expect_untouched(agent.namespace, "an orderly end")
    web.still_whole(asker, "after the end of an agent")
    agent.clean_up()
    asker.stdin.close()
    asker.wait()


def sent_on(web, agents, balancer):
    """A balancer that remembers no connection gets another ring: those whose place has a new owner are sent on by that one to
    the server that has them."""
    def configure(**changes):
        balancer.config.write_text(settings(web.servers, os.environ["PINS"] + "/balancer", BOTH, inserts=0, **changes))

    balancer.stop()
    configure()
    cleanup = balancer.executable, "balancer", "cleanup", "-c", str(balancer.config)
    web.balancer.run(*cleanup, env=balancer.environment)
    balancer.start()
    for agent in agents.values():
        wait_until("the balancer is connected again", lambda: agent.view()["balancers"][0]["connected"], PATIENCE)
    asker = web.join("remembered nowhere", keep=True)
    connections = lambda agent: agent.view()["connections"]
    former = max(agents.values(), key=connections)
    others = [agent for agent in agents.values() if agent is not former]
    configure(drained=former.number)
    reload = balancer.executable, "balancer", "reload"
    web.balancer.run(*reload, env=balancer.environment)
    for agent in others:
        wait_until("the owner of before is known", lambda: agent.view()["services"][0]["places_from_others"] > 10_000, PATIENCE)
    web.still_whole(asker, "with another ring")
    chained = sum(agent.arrivals("chained") for agent in others)
    print(f"another ring: {connections(former)} connections stay with server{former.number}, {chained} packets are sent on")
    expect(chained > 0, "nothing was sent on")
    asker.stdin.close()
    asker.wait()
    configure()
    web.balancer.run(*reload, env=balancer.environment)


def cleaned_up(agent):
    running = agent.namespace.command(*agent.command("cleanup"), env=agent.environment)
    expect(running.returncode == 1 and "runs" in running.stderr, f"cleanup beside a running agent: {running}")
    agent.kill()
    expect(endpoints(agent.namespace), "nothing is left to clean up")
    agent.clean_up()
    expect_untouched(agent.namespace, "cleanup")
    expect(not [name for name in agent.left() if not name.endswith(".sock")], f"cleanup leaves {agent.left()}")


def in_user_space(web, agent):
    """The kernel announces nothing to connections of another path manager. Those that have begun are told, too."""
    setting = "/proc/sys/net/mptcp/pm_type"
    agent.namespace.run("sh", "-c", f"echo 1 >{setting}")
    agent.stop()
    asker = web.ask()
    before, = web.of_servers("MPJoinAckRx")
    agent.start()
    expect(agent.view()["path_manager"] == "userspace", f"it is taken for {agent.view()['path_manager']}")
    wait_until("connections that began before have joined",
               lambda: web.of_servers("MPJoinAckRx")[0] >= before + CONNECTIONS, PATIENCE)
    web.join("path manager in user space")
    web.still_whole(asker, "in user space")
    asker.stdin.close()
    asker.wait()
    agent.namespace.run("sh", "-c", f"echo 0 >{setting}")


def one_server(executable, folder):
    """Without a balancer: what no BPF program takes part in."""
    web = Web(executable, folder, 1)
    for prefix, via, via6 in (("", "10.9.0.11", "2001:db8:9::11"), (" table 101", "10.9.1.11", "2001:db8:91::11")):
        web.client.ip(f"route replace 198.51.100.0/24 via {via}{prefix} congctl cubic",
                      f"route replace 2001:db8:10::/64 via {via6}{prefix} congctl cubic")
    agent = Agent(executable, 1, web.servers, folder)
    web.serves()
    machine_is_judged(agent)
    expect(web.join("one server, IPv4") >= CONNECTIONS, "not by the join port")
    expect(web.join("one server, IPv6", VIP6) >= CONNECTIONS, "not by the join port")
    wall(web, agent)
    in_user_space(web, agent)
    cleaned_up(agent)


def three_servers(executable, folder):
    web = Web(executable, folder, 3)
    agents = {number: Agent(executable, number, web.servers, folder) for number in web.servers}
    balancer = Role(executable, web.balancer, folder / "balancer", "balancer",
                    settings(web.servers, os.environ["PINS"] + "/balancer", BOTH))
    balancer.patience = PATIENCE
    balancer.start()
    for number, server in web.servers.items():
        server.ip(f"address add {OWN.format(number)}/32 dev lo")
    for agent in agents.values():
        agent.start()
    for agent in agents.values():
        agent.expect_announced(agent.join_places())
        wait_until("the balancer is connected", lambda: agent.view()["balancers"][0]["connected"], PATIENCE)
    web.serves()
    expect(web.join("by port, IPv4") >= CONNECTIONS, "not by the join port")
    web.join("by port, IPv6", VIP6)
    killed_and_taken_over(web, agents[3])
    for agent in agents.values():
        agent.configure(BOTH)
        agent.expect_announced(agent.join_places() | agent.own_places())
    web.join("by port and by address", each=2)
    for agent in agents.values():
        agent.configure(("address",))
        agent.expect_announced(agent.own_places())
    steered = lambda: sum(vip["packets"]["by-address"] for vip in json.loads(balancer.show())["vips"])
    before = steered()
    web.join("by address")
    expect(steered() >= before + CONNECTIONS, "joins did not go to the servers' own addresses")
    sent_on(web, agents, balancer)
    ended_in_order(web, agents)
    balancer.stop()


def scenario(executable, folder):
    os.environ["PINS"], os.environ["KEY"] = str(folder / "bpf/anabranch"), str(folder / "key")
    with open(folder / "key", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as key:
        key.write(os.urandom(32).hex())
    for part in ("bpf", "one", "three"):
        (folder / part).mkdir()
    if not is_real_root():
        one_server(executable, folder / "one")
        print("an ordinary user may not load BPF programs: no balancer here")
        return
    expect(os.system(f"mount -t bpf bpf {folder}/bpf") == 0, "no BPF file system")
    try:
        one_server(executable, folder / "one")
        three_servers(executable, folder / "three")
    finally:
        os.system(f"umount {folder}/bpf")


main(scenario, ["nginx", "ss", "tc"])
