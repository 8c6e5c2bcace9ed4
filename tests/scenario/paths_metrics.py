#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The path manager's figures over HTTP: counters never fall, whatever becomes of the subflows they counted.

Usage: paths_metrics.py ANABRANCH. curl reads the page while subflows of two paths carry transfers, while one
path loses its subflows, and after the last connection has gone.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from path_manager import Network, Paths, Transfers

LISTEN = "127.0.0.1:9475"
TRANSFERS = 10
FIRST, SECOND = "10.1.0.2", "10.2.0.2"
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Page:
    def __init__(self, text):
        self.counters, self.figures = set(), {}
        for line in text.splitlines():
            if line.startswith("# TYPE ") and line.endswith(" counter"):
                self.counters.add(line.split()[2])
            match = SAMPLE.fullmatch(line)
            if match:
                self.figures[match[1], frozenset(LABEL.findall(match[2] or ""))] = float(match[3])

    def of(self, name, **labels):
        """The sum of the samples with these labels; nothing without one."""
        wanted = set(labels.items())
        found = [value for (other, all_labels), value in self.figures.items()
                 if other == "anabranch_paths_" + name and wanted <= all_labels]
        return sum(found) if found else None

    def goes_on_from(self, before):
        for key, value in before.figures.items():
            if key[0] in before.counters and key[0].startswith("anabranch_paths_"):
                expect(key in self.figures, f"{key} has gone")
                expect(self.figures[key] >= value, f"{key} fell from {value} to {self.figures[key]}")


class Reader:
    def __init__(self, network):
        self.network, self.last = network, None

    def page(self):
        text = self.network.client.run("curl", "-sS", "--fail", "--max-time", "5", f"http://{LISTEN}/metrics")
        page = Page(text)
        if self.last:
            page.goes_on_from(self.last)
        self.last = page
        return page


def scenario(executable, folder):
    network = Network()
    network.listen(folder)
    paths = Paths(executable, network, folder, f'[metrics]\nlisten = "{LISTEN}"\n')
    paths.start()
    reader = Reader(network)
    expect(reader.page().of("connections", state="managed") == 0, "nothing is there yet")
    expect(reader.page().of("path_usable", address=SECOND) == 1, "the second path is")

    transfers = Transfers(network, TRANSFERS)
    wait_until("figures of every subflow",
               lambda: reader.page().of("subflows", address=FIRST, state="established") == TRANSFERS
               and reader.last.of("subflows", address=SECOND, state="established") == TRANSFERS, 20)
    wait_until("octets of both paths", lambda: (reader.page().of("path_sent_bytes_total", address=FIRST) or 0) > 0
               and (reader.last.of("path_sent_bytes_total", address=SECOND) or 0) > 0)
    before = reader.page()
    network.server.ip("link set s2 down")
    wait_until("the second path's subflows are closed", lambda: reader.page().of("subflows", address=SECOND) == 0)
    closed = reader.last
    expect(closed.of("path_usable", address=SECOND) == 0, "the second path is not usable")
    expect(closed.of("path_subflows_opened_total", address=SECOND) >= TRANSFERS, "how many there were")
    expect(closed.of("path_sent_bytes_total", address=SECOND) >= before.of("path_sent_bytes_total", address=SECOND),
           "what they sent")
    network.server.ip("link set s2 up")
    wait_until("new subflows count on", lambda: reader.page().of("subflows", address=SECOND,
                                                                 state="established") == TRANSFERS, 20)
    opened = reader.last.of("path_subflows_opened_total", address=SECOND)
    expect(opened >= 2 * TRANSFERS, f"opened in all: {opened}")

    ended = transfers.end()
    expect(ended == [TRANSFERS, 0, 0], f"right, wrong, missing: {ended}")
    wait_until("the last connection has gone", lambda: reader.page().of("connections", state="managed") == 0, 20)
    left = reader.last
    for address in (FIRST, SECOND):
        expect(left.of("subflows", address=address) == 0, "subflows without a connection")
        expect(left.of("path_sent_bytes_total", address=address) > 0, f"octets of {address}")
        print(f"{address}: {left.of('path_subflows_opened_total', address=address):.0f} subflows opened, "
              f"{left.of('path_sent_bytes_total', address=address) / 1e6:.2f} MB sent")
    paths.stop()


main(scenario, ["ss", "ip", "curl"])
