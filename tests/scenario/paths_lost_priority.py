#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MP_PRIO is lost on its way, which nobody repeats and nobody acknowledges.

Usage: paths_lost_priority.py ANABRANCH. A client downloads over two links, of which the second is a backup by a rule.
The rule is taken out, and every MP_PRIO that says so to the server gets lost: the client's kernel has the subflow as
active, the server's goes on taking it for a backup. As soon as nothing is lost any more the second link carries data,
since `anabranch paths run` says it again. Then the other way round: a subflow that is a backup here and not there. At
last the whole link has died while it was a backup, which nobody notices as long as nothing is sent there.
"""
import json
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import main, wait_until
from path_manager import MPTCP, PORT, SERVER, Network, Paths

SECOND = '[[rule]]\nname = "second"\ninterfaces = ["c2"]\nbackup = {}\n'
# The option begins at one of the words of the TCP header after the fixed part; netfilter's own match finds the first
# MPTCP option only, which is the DSS.
WORDS = range(20, 60, 4)
MP_PRIO = "{ 0x1e035000, 0x1e035001, 0x1e035100, 0x1e035101 }"
PRIORITIES = [f"ip protocol tcp @th,{8 * word},32 {MP_PRIO} counter drop" for word in WORDS]
EVERYTHING = ["counter drop"]
PIECE = bytes(1 << 16)
# What the second link carries when it is used, and at most when it is not, in octets.
USED, UNUSED = 400_000, 100_000


class Download(threading.Thread):
    """The server sends as fast as the links let it."""

    def __init__(self, network):
        super().__init__(daemon=True)
        self.listener = network.server.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)  # joins need it, too
        self.client = network.client.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        for end in (self.listener, self.client):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        self.listener.bind((SERVER, PORT))
        self.listener.listen()
        self.client.connect((SERVER, PORT))
        self.server, _ = self.listener.accept()
        self.flows = threading.Event()
        self.flows.set()
        threading.Thread(target=self.send, daemon=True).start()
        self.start()

    def send(self):
        while self.flows.wait():
            self.server.sendall(PIECE)

    def run(self):
        while self.client.recv(1 << 18):
            pass


class Scene:
    def __init__(self, executable, folder):
        self.network = Network()
        for link in ("s1", "s2"):
            self.network.server.run("tc", "qdisc", "add", "dev", link, "root", "tbf", "rate", "10mbit", "burst", "15k",
                                    "latency", "200ms")
        self.paths = Paths(executable, self.network, folder, SECOND.format("true"))
        self.paths.start()
        self.transfer = Download(self.network)

    def carried(self, link):
        """Octets the client has received by it."""
        shown = self.network.client.run("ip", "-j", "-s", "link", "show", link)
        return json.loads(shown)[0]["stats64"]["rx"]["bytes"]

    def second_is_backup(self):
        """As the client has it; nothing as long as there is no such subflow."""
        subflows = self.paths.shown()["connections"][0]["subflows"]
        return next((one["backup"] for one in subflows if one["local"].startswith("10.2.0.2:")), None)

    def second_is_given_up(self):
        return any(path["failed"] for path in self.paths.shown()["paths"] if path["address"] == "10.2.0.2")

    def rests(self):
        """Whether the second link carries next to nothing while the first one is busy."""
        first, second = self.carried("c1"), self.carried("c2")
        wait_until("the first link is busy", lambda: self.carried("c1") > first + USED, 20)
        return self.carried("c2") < second + UNUSED

    def is_used(self):
        second = self.carried("c2")
        time.sleep(0.5)
        return self.carried("c2") > second + UNUSED

    def lose(self, rules):
        chain = "\n".join(["type filter hook ingress device s2 priority 0;", *rules])
        self.network.server.run("nft", "-f", "-", input=f"table netdev loss {{\nchain in {{\n{chain}\n}}\n}}\n")

    def lost(self):
        rules = self.network.server.run("nft", "list", "table", "netdev", "loss")
        return sum(map(int, re.findall(r"counter packets (\d+)", rules)))

    def lose_no_more(self):
        self.network.server.run("nft", "delete", "table", "netdev", "loss")

    def change(self, backup, lost=PRIORITIES):
        """The rule changes, and what tells the server gets lost."""
        self.lose(lost)
        self.paths.write(SECOND.format("true" if backup else "false"))
        self.paths.do("reload")
        wait_until("the client has changed the flag", lambda: self.second_is_backup() is backup, 20)
        wait_until("the server is not told", self.lost, 20)


def lost_priority(executable, folder):
    scene = Scene(executable, folder)
    wait_until("the transfer has both subflows, the second as a backup", scene.second_is_backup, 20)
    wait_until("the backup rests", scene.rests, 30)

    # Where the machine stands still for a moment the subflow may be made anew instead, which needs no MP_PRIO.
    scene.change(backup=False)
    wait_until("the server is told again", lambda: scene.lost() > 1 or scene.is_used(), 30)
    scene.lose_no_more()
    wait_until("the second link carries data", scene.is_used, 30)
    print("active again, told again")

    scene.transfer.flows.clear()
    wait_until("the transfer pauses", lambda: not moves(scene), 20)
    scene.change(backup=True)
    scene.transfer.flows.set()
    wait_until("the server is told again", lambda: scene.lost() > 1 or scene.rests(), 30)
    scene.lose_no_more()
    wait_until("the backup rests again", scene.rests, 30)
    print("a backup again, told again")

    scene.change(backup=False, lost=EVERYTHING)
    wait_until("the path is given up", scene.second_is_given_up, 20)
    scene.lose_no_more()
    wait_until("the second link carries data", scene.is_used, 30)
    print("its path was dead, and is back")
    scene.paths.stop()


def moves(scene):
    before = scene.carried("c1")
    time.sleep(0.5)
    return scene.carried("c1") > before + UNUSED


main(lost_priority, ["ip", "nft", "tc"])
