#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gbit/s and CPU seconds per GB of the relay alone and of other relays, over an unshaped veth: source, relay
and sink each have a namespace. All are measured one after another in every round; medians over the rounds,
with the lowest and the highest. Further: connections per second, and memory at many idle connections.

Usage: relay.py FORWARDER LOAD [--what LIST] [--relays LIST] [--run ANABRANCH] [--rounds N] [--seconds N]
[--json FILE], as root or as an ordinary user. FORWARDER is the relay under test: a program that takes LISTEN TO [mptcp-listen]
[mptcp-to] [splice|copy]. Ends with 1 when a bound is missed.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/scenario/helpers"))
from namespaces import Namespace, cable, end, expect, main, wait_until

LISTEN, SINK = "10.88.1.2:7000", "10.88.2.2:7000"
SINK_MPTCP = "10.88.2.2:7001"
SOCKS = ("microsocks", "dante")
# User memory (PSS) in KiB for an idle connection; CPU of TCP to TCP relative to HAProxy.
BOUNDS = {"idle_kib": 4.0, "cpu_of_haproxy": 1.0}

HAPROXY = """
global
  nbthread 1
  maxconn {connections}
  maxpipes 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option splice-request
  option splice-response
listen relay
  bind {listen} backlog 4096
  server sink {sink}
"""
NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/log-nginx;
events {{ worker_connections {files}; }}
stream {{ server {{ listen {listen} backlog=4096; proxy_pass {sink}; proxy_timeout 1h; proxy_half_close on; }} }}
"""
DANTE = """
logoutput: {folder}/log-dante
internal: 10.88.1.2 port = 7000
external: 10.88.2.1
socksmethod: none
clientmethod: none
user.unprivileged: {user}
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
"""


def processes(pid):
    """Of a program, with all its children."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        try:
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            found.append(pid)
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    """Of a program with its children and threads. The scheduler counts those that live to the nanosecond; those
    that have ended are in the sums of their parent and process, to 10 ms."""
    total = 0
    for process in processes(pid):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            living = sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{process}").glob("task/*/schedstat"))
        except OSError:
            continue  # it ended meanwhile
        user, system, child_user, child_system = (int(field) / 100 for field in fields[11:15])
        total += max(living / 1e9, user + system) + child_user + child_system
    return total


def pss_kib(pid):
    total = 0
    for process in processes(pid):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


class Relay:
    """A relay that runs, between namespaces that are there for all."""

    def __init__(self, bench, name, kind="tcp-tcp"):
        self.bench = bench
        folder = bench.folder
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        facts = {"listen": LISTEN, "sink": SINK, "folder": folder, "files": files,
                 "connections": (files - 300) // 2}
        facts["user"] = "root" if os.geteuid() != 0 else "nobody"
        config = folder / f"{name}.conf"
        if name.startswith("anabranch"):
            words = {"tcp-tcp": [], "tcp-mptcp": ["mptcp-to"], "mptcp-tcp": ["mptcp-listen"]}[kind]
            sink = SINK_MPTCP if kind == "tcp-mptcp" else SINK
            arguments = [bench.forwarder, LISTEN, sink, *words, *name.split("-")[1:]]
        elif name in ("haproxy", "haproxy-run"):
            # Under `anabranch run` all its sockets are MPTCP, and those to a plain peer fall back.
            facts["sink"] = SINK_MPTCP if kind == "tcp-mptcp" else SINK
            config.write_text(HAPROXY.format(**facts))
            arguments = ["haproxy", "-db", "-f", str(config)]
            if name == "haproxy-run":
                arguments = [bench.options.run, "run", "--", *arguments]
        elif name == "nginx":
            config.write_text(NGINX.format(**facts))
            arguments = ["nginx", "-e", str(folder / "log-nginx"), "-c", str(config)]
        elif name == "socat":
            arguments = ["socat", "-b", "262144", "TCP4-LISTEN:7000,bind=10.88.1.2,reuseaddr,fork,backlog=4096",
                         f"TCP4:{SINK}"]
        elif name == "microsocks":
            arguments = ["microsocks", "-i", "10.88.1.2", "-p", "7000"]
        elif name == "dante":
            config.write_text(DANTE.format(**facts))
            arguments = ["danted", "-f", str(config)]
        self.program = bench.relay_namespace.start(
            arguments, stdout=subprocess.DEVNULL, stderr=open(folder / f"log-{name}", "w"))
        self.socks = [f"socks={LISTEN}"] if name in SOCKS else []
        target = SINK if self.socks else LISTEN
        self.target = [target, *(["mptcp"] if kind == "mptcp-tcp" else []), *self.socks]
        wait_until(f"{name} listens", self.listens, 20)

    def listens(self):
        expect(self.program.poll() is None, "the relay has ended")
        return ":7000" in self.bench.relay_namespace.run("ss", "-Hltn", "sport", "=", ":7000")

    def load(self, mode, *words):
        arguments = [self.bench.load, mode, self.target[0], *self.target[1:], *words]
        done = self.bench.source_namespace.command(*arguments, timeout=60)
        expect(done.returncode == 0, f"{mode}: {done.stderr}")
        return [float(word) for word in done.stdout.split()]

    def end(self):
        end(self.program)


class Bench:
    def __init__(self, options, forwarder, folder):
        self.options = options
        self.forwarder, self.load, self.folder = forwarder, os.path.abspath(options.load), folder
        source, relay, sink = Namespace(), Namespace(os.getpid()), Namespace()
        cable(source, "up0", relay, "down0")
        cable(relay, "up0", sink, "down0")
        # The route says which congestion control connections over it have, whatever program opens them.
        source.ip("addr add 10.88.1.1/24 dev up0", "route change 10.88.1.0/24 dev up0 congctl cubic")
        relay.ip("addr add 10.88.1.2/24 dev down0", "route change 10.88.1.0/24 dev down0 congctl cubic",
                 "addr add 10.88.2.1/24 dev up0", "route change 10.88.2.0/24 dev up0 congctl cubic")
        sink.ip("addr add 10.88.2.2/24 dev down0", "route change 10.88.2.0/24 dev down0 congctl cubic")
        for namespace in (source, relay, sink):
            namespace.run("sysctl", "-qw", "net.mptcp.blackhole_timeout=0", "net.ipv4.ip_local_port_range=1024 65535",
                          "net.ipv4.tcp_tw_reuse=1")
        for words in ([SINK], [SINK_MPTCP, "mptcp"]):
            sink.start([self.load, "sink", *words])
        self.source_namespace, self.relay_namespace = source, relay
        wait_until("the sinks listen", lambda: sink.run("ss", "-Hltn").count(":700") >= 2)

    def throughput(self, name, kind, connections):
        relay = Relay(self, name, kind)
        before = cpu_seconds(relay.program.pid)
        octets, seconds = relay.load("source", f"connections={connections}", f"seconds={self.options.seconds}")
        cpu = cpu_seconds(relay.program.pid) - before
        relay.end()
        return {"gbit_s": octets * 8 / seconds / 1e9, "cpu_s_per_gb": cpu / (octets / 1e9)}

    def rate(self, name):
        relay = Relay(self, name)
        done, seconds = relay.load("rate", "connections=16", f"seconds={self.options.seconds}")
        relay.end()
        return {"connections_s": done / seconds}

    def idle(self, name):
        # Both sides of a connection are descriptors of the relay.
        number = min(10000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 400) // 2)
        relay = Relay(self, name)
        before = pss_kib(relay.program.pid)
        clients = subprocess.Popen(
            [*self.source_namespace.enter, self.load, "idle", *relay.target, f"connections={number}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        expect(clients.stdout.readline() == "ready\n", f"{name} does not carry {number} connections")
        time.sleep(0.5)  # what is freed later than the last answer
        kib = (pss_kib(relay.program.pid) - before) / number
        clients.stdin.close()
        clients.wait(timeout=30)
        relay.end()
        return {"connections": number, "kib": kib}


def text(values):
    middle = statistics.median(values)
    digits = 0 if middle >= 1000 else 1 if middle >= 10 else 3
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def plan(options):
    """(what, relay, how to measure it once)"""
    ours = [name for name in options.relays if name.startswith("anabranch")]
    cases = []
    for kind in ("tcp-tcp", "tcp-mptcp", "mptcp-tcp"):
        for connections in (1, 64):
            if kind in options.what:
                peers = ["haproxy-run"] if options.run and "haproxy" in options.relays else []
                relays = options.relays if kind == "tcp-tcp" else ours + peers
                cases += [(f"{kind} {connections}", name, lambda bench, name=name, kind=kind, connections=connections:
                           bench.throughput(name, kind, connections)) for name in relays]
    for what in ("rate", "idle"):
        # socat, dante and microsocks start a process or a thread for each connection.
        relays = [name for name in options.relays if what == "rate" or name in (*ours, "haproxy", "nginx")]
        if what in options.what:
            cases += [(what, name, lambda bench, name=name, what=what: getattr(bench, what)(name)) for name in relays]
    return cases


def bounds_missed(figures):
    missed = []
    for key, runs in figures.items():
        what, name = key.rsplit(" ", 1)
        if name != "anabranch":
            continue
        if what == "idle" and statistics.median(runs["kib"]) > BOUNDS["idle_kib"]:
            missed.append(f"{key}: memory")
        peer = figures.get(f"{what} haproxy", {}).get("cpu_s_per_gb")
        if peer and statistics.median(runs["cpu_s_per_gb"]) > BOUNDS["cpu_of_haproxy"] * statistics.median(peer):
            missed.append(f"{key}: more CPU than HAProxy")
    return missed


def bench(options, forwarder, folder):
    here = Bench(options, forwarder, folder)
    figures = {}
    for _ in range(options.rounds):
        for what, name, measure in plan(options):
            runs = figures.setdefault(f"{what} {name}", {})
            measured = measure(here)
            for figure, value in measured.items():
                runs.setdefault(figure, []).append(value)
            print(f"  {what} {name}:", *(f"{figure} {value:.3f}" for figure, value in measured.items()), flush=True)
        if options.json:
            Path(options.json).write_text(json.dumps(figures))
    for key, runs in figures.items():
        print(f"{key:24} " + "  ".join(f"{figure} {text(values)}" for figure, values in runs.items()))
    missed = bounds_missed(figures)
    expect(not missed, "; ".join(missed))


def begin():
    parser = argparse.ArgumentParser()
    parser.add_argument("forwarder")
    parser.add_argument("load")
    parser.add_argument("--what", default="tcp-tcp,tcp-mptcp,mptcp-tcp,rate,idle", type=lambda text: text.split(","))
    parser.add_argument("--relays", default="anabranch,haproxy,nginx,socat,microsocks,dante",
                        type=lambda text: text.split(","))
    parser.add_argument("--run", metavar="ANABRANCH", help="with it, HAProxy is measured with MPTCP too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--json")
    options = parser.parse_args()
    options.run = options.run and os.path.abspath(options.run)
    tools = {"dante": "danted"}
    main(lambda *where: bench(options, *where),
         ["ss", *(tools.get(name, name) for name in options.relays if not name.startswith("anabranch"))])


begin()
