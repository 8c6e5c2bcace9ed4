#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The metrics of a gateway and of a host behind it, as Prometheus would read them.

    [host] h0 --- lan0 [gateway] up1 --- w1
                                 up2 --- w2

Usage: metrics.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from host_and_gateway import LAN, UPLINKS, build_network
from waiting import Failed, command, expect, wait_until

GATEWAY = LAN + """
[metrics]
listen = "{listen}"
""" + UPLINKS
HOST = '[metrics]\nlisten = "9474"\n'
PATIENCE = 20
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

processes = []
folder = tempfile.mkdtemp(prefix="anabranch-metrics-")


def parse(text):
    """The rules that promtool holds a page to, as far as they concern counters and gauges."""
    samples, types, helped = {}, {}, set()
    for line in text.splitlines():
        if re.match(r"(# \w+ )?exposer_", line):
            continue  # the HTTP server's own figures, a summary among them
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            expect(name not in helped, f"two HELP lines for {name}")
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            expect(name not in types, f"two TYPE lines for {name}")
            expect(kind in ("counter", "gauge"), line)
            expect((kind == "counter") == name.endswith("_total"), f"{name} is a {kind}")
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            expect(match, f"no sample: {line}")
            name, labels, value = match[1], match[2] or "", float(match[3])
            expect(list(types)[-1:] == [name] and name in helped, f"{name} is not below its HELP and TYPE")
            key = (name, tuple(sorted(LABEL.findall(labels))))
            expect(key not in samples, f"twice: {line}")
            expect(value >= 0, line)
            samples[key] = value
    return samples


class Role:
    def __init__(self, name, argv, url, prefix=()):
        self.name, self.url, self.prefix = name, url, list(prefix)
        self.log = open(f"{folder}/{name}.log", "w")
        self.process = subprocess.Popen(self.prefix + argv, stderr=self.log, stdout=self.log)
        processes.append(self.process)

    def page(self):
        """None when nobody answers."""
        script = f"import urllib.request as u; print(u.urlopen('{self.url}', timeout=5).read().decode(), end='')"
        done = subprocess.run(self.prefix + [sys.executable, "-c", script], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def figures(self):
        page = self.page()
        return {} if page is None else parse(page)

    def figure(self, name, **labels):
        return self.figures().get((name, tuple(sorted(labels.items()))))

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def stop(self):
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        expect(self.process.wait(PATIENCE) == 0, f"the {self.name} did not end well")
        return time.monotonic() - started


def write(name, text):
    path = f"{folder}/{name}"
    with open(path, "w") as file:
        file.write(text)
    return path


def test(anabranch):
    holder, inside = build_network()
    processes.append(holder)
    command(f"{' '.join(inside)} ip route add default via 10.1.0.1")
    config = write("gateway.toml", GATEWAY.format(listen="127.0.0.1:9473"))
    gateway = Role("gateway", [anabranch, "gateway", "run", "-c", config], "http://127.0.0.1:9473/metrics")
    uplink = {1: {"uplink": "isp1", "index": "1"}, 2: {"uplink": "isp2", "index": "2"}}
    up, changes = "anabranch_gateway_uplink_up", "anabranch_gateway_uplink_state_changes_total"
    wait_until("our Kea runs", lambda: gateway.figure("anabranch_gateway_kea_running") == 1, PATIENCE)
    figures = gateway.figures()
    version = subprocess.run([anabranch, "--version"], capture_output=True, text=True, check=True).stdout
    info = [key for key in figures if key[0] == "anabranch_build_info"]
    expect(len(info) == 1 and dict(info[0][1])["version"] in version, f"the version: {info}, {version}")
    expect(gateway.figure(up, **uplink[1]) == 1 and gateway.figure(up, **uplink[2]) == 1, "both uplinks are up")

    host = Role("host", [anabranch, "host", "run", "h0", "-c", write("host.toml", HOST)],
                "http://127.0.0.1:9474/metrics", inside)
    path = {"interface": "h0", "index": "2"}
    wait_until("the host has path 2", lambda: host.figure("anabranch_host_path_up", **path) == 1, PATIENCE)
    expect(host.figure("anabranch_host_paths_offered", interface="h0") == 2, "two paths are offered")
    lease = path | {"family": "ipv4"}
    expect(host.figure("anabranch_host_path_leases_obtained_total", **lease) == 1, "one lease was obtained")
    left = host.figure("anabranch_host_path_lease_remaining_seconds", **lease)
    expect(left is not None and 0 < left <= 600, f"the lease has {left} s left")

    command("ip link set w2 down")
    wait_until("uplink 2 is down", lambda: gateway.figure(up, **uplink[2]) == 0, PATIENCE)
    expect(gateway.figure(changes, **uplink[2]) == 1, "one change of uplink 2")
    expect(gateway.figure(changes, **uplink[1]) == 0 and gateway.figure(up, **uplink[1]) == 1, "uplink 1 is as before")
    command("ip link set w2 up")
    wait_until("uplink 2 is back", lambda: gateway.figure(changes, **uplink[2]) == 2, PATIENCE)

    # The second of two roles on one port says so.
    second = subprocess.run([*inside, anabranch, "host", "run", "lo", "-c", f"{folder}/host.toml"],
                            capture_output=True, text=True, timeout=PATIENCE)
    expect(second.returncode == 1 and "127.0.0.1:9474" in second.stderr and "in use" in second.stderr,
           f"a taken port: exit {second.returncode}, {second.stderr}")

    on = gateway.resident()
    write("gateway.toml", GATEWAY.format(listen="0.0.0.0:9475"))
    command(f"{anabranch} gateway reload")
    expect(gateway.page() is None, "the old port is closed")
    gateway.url = "http://127.0.0.1:9475/metrics"
    expect(gateway.figure("anabranch_gateway_reloads_total") == 1, "the new port serves")
    with open(f"{folder}/gateway.log") as file:
        expect("0.0.0.0:9475, which is not this machine alone" in file.read(), "an open port is said")

    host.stop()
    seconds = gateway.stop()
    quiet = write("gateway.toml", GATEWAY.format(listen="").replace('[metrics]\nlisten = ""\n', ""))
    gateway = Role("gateway-without", [anabranch, "gateway", "run", "-c", quiet], "http://127.0.0.1:9475/metrics")
    wait_until("it runs without metrics", lambda: "gateway is ready" in open(f"{folder}/gateway-without.log").read(), PATIENCE)
    expect(gateway.page() is None, "no port is open when nobody asked for one")
    print(f"resident: {gateway.resident()} kB without metrics, {on} kB with; ended in {seconds:.2f} s")
    gateway.stop()


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    anabranch = os.path.realpath(sys.argv[1])
    if os.environ.get("ANABRANCH_SCENARIO") != "inside":
        os.environ["ANABRANCH_SCENARIO"] = "inside"
        os.rmdir(folder)
        flags = "-nm" if os.geteuid() == 0 else "-Urnm"
        os.execvp("unshare", ["unshare", flags, "--", sys.executable, os.path.realpath(__file__), anabranch])
    if shutil.which("kea-dhcp4") is None:
        print("SKIP: no kea-dhcp4")
        return 77
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    os.environ["RUNTIME_DIRECTORY"] = f"{folder}/run"
    os.environ["STATE_DIRECTORY"] = f"{folder}/state"
    try:
        test(anabranch)
    except (Failed, subprocess.SubprocessError, OSError) as error:
        for name in ("gateway", "host", "gateway-without"):
            if os.path.exists(f"{folder}/{name}.log"):
                print(f"--- {name}")
                print(open(f"{folder}/{name}.log").read()[-2000:])
        print(f"FAILED: {error}")
        return 1
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
