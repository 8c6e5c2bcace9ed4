# SPDX-License-Identifier: MIT
"""Private namespaces for scenarios with foreign DHCP programs: networks joined by cables, programs started
in them, and waiting for what they do. Everything ends with the script, since it is process 1 of its own
process namespace."""
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

from waiting import Failed, Skipped, command, expect, wait_until  # others take them from here, too

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
HERE = os.path.dirname(os.path.abspath(__file__))
UNPACKED = "/opt/anabranch-test"


def program(name, *further):
    """The path of a program, looked for in PATH and then in the given places."""
    found = shutil.which(name) or next((place for place in further if os.access(place, os.X_OK)), None)
    if not found:
        raise Skipped(f"no {name}")
    return found


def copy_of(name):
    """A copy of a program. AppArmor profiles go by a program's path, and Debian's for dhclient and Kea forbid
    them files and scripts of ours."""
    copy = f"/run/programs/{name}"
    if not os.path.exists(copy):
        os.makedirs("/run/programs", exist_ok=True)
        shutil.copy(program(name), copy)
    return copy


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


class Network:
    """A network namespace. Name "" is the one the script itself is in."""

    def __init__(self, name="", ipv6=False):
        self.name = name
        if name:
            command(f"ip netns add {name}")
        self.ip("link set lo up")
        # Where IPv4 is all that is tested, a link-local address under duplicate detection would make two
        # pictures of the same network differ.
        for which in ("all", "default"):
            self.sysctl(f"net/ipv6/conf/{which}/disable_ipv6", int(not ipv6))
        self.sysctl("net/mptcp/enabled", 1)
        self.sysctl("net/mptcp/blackhole_timeout", 0)

    def prefix(self):
        return ["ip", "netns", "exec", self.name] if self.name else []

    def call(self, function, *arguments):
        """Runs function in a thread that has entered the namespace; sockets made there stay there."""
        outcome = []

        def thread():
            try:
                if self.name:
                    with open(f"/run/netns/{self.name}") as namespace:
                        if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                            raise OSError(ctypes.get_errno(), "setns")
                outcome.append((function(*arguments), None))
            except Exception as error:  # handed to the caller
                outcome.append((None, error))

        worker = threading.Thread(target=thread)
        worker.start()
        worker.join()
        value, error = outcome[0]
        if error:
            raise error
        return value

    def sysctl(self, path, value):
        there = f"/proc/sys/{path}"
        subprocess.run([*self.prefix(), "sh", "-c", f"[ ! -e {there} ] || echo {value} >{there}"], check=True)

    def ip(self, text, check=True):
        return command(f"ip -n {self.name} {text}" if self.name else f"ip {text}", check)

    def run(self, text):
        """The output of a command in this network, whatever its exit code."""
        return subprocess.run([*self.prefix(), *text.split()], capture_output=True, text=True).stdout

    def ip_json(self, text):
        return json.loads(self.ip(f"-j {text}") or "[]")

    def addresses(self, interface):
        """The IPv4 addresses of an interface, as "10.1.0.5/16"."""
        links = self.ip_json("-4 addr show")
        return [f"{a['local']}/{a['prefixlen']}" for link in links if link.get("ifname") == interface
                for a in link["addr_info"]]

    def popen(self, arguments, log=None, environment=None):
        with open(log or os.devnull, "a") as out:
            return subprocess.Popen([*self.prefix(), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    env={**os.environ, **(environment or {})})


def cable(left, left_name, right, right_name):
    """A veth between two networks, both ends up."""
    here = f"netns {right.name}" if right.name else ""
    left.ip(f"link add {left_name} type veth peer name {right_name} {here}")
    left.ip(f"link set {left_name} up")
    right.ip(f"link set {right_name} up")


def serve_names(network, address, port):
    """A TCP server that tells each caller this network's name and the address it is seen with."""
    def open_server():
        server = socket.create_server((address, port), backlog=32)

        def loop():
            while True:
                peer, seen = server.accept()
                with peer:
                    peer.sendall(f"{network.name} {seen[0]}".encode())

        threading.Thread(target=loop, daemon=True).start()

    network.call(open_server)


def ask_name(network, server, source="", patience=3.0):
    """What serve_names() says to a connection from `source`: (name, address seen), or None."""
    def ask():
        try:
            with socket.create_connection(server, patience, (source, 0) if source else None) as connection:
                return tuple(connection.recv(100).decode().split())
        except OSError:
            return None

    return network.call(ask)


def stop(process, patience=10):
    if process and process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def hide(path, text):
    """Covers a file with another for everything in our mount namespace; a path that is not there stays so."""
    if os.path.exists(path):
        cover = write("/run/covers/" + path.replace("/", "_"), text, os.stat(path).st_mode & 0o777 | 0o444)
        command(f"mount --bind {cover} {path}")


def scenario(run, *programs):
    """Main function of a script: enters private namespaces, calls run(ANABRANCH) there, prints the verdict."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    executable = os.path.abspath(sys.argv[1])
    script = os.path.abspath(sys.argv[0])
    if os.environ.get("ANABRANCH_SCENARIO") != "inside":
        for name in programs:
            if not shutil.which(name):
                print(f"SKIP: no {name}")
                sys.exit(77)
        os.environ["ANABRANCH_SCENARIO"] = "inside"
        flags = ["-nmpf"] if os.geteuid() == 0 else ["-Urnmpf"]
        inner = [sys.executable, script, executable, *sys.argv[2:]]
        os.execvp("unshare", ["unshare", *flags, "--mount-proc", "--kill-child", "--", *inner])
    try:
        command("mount --make-rprivate /")
        command("mount -t sysfs sysfs /sys")
        command("mount -t tmpfs tmpfs /run")
        os.makedirs("/run/netns")
        # No program started here may write the machine's own.
        hide("/etc/resolv.conf", "")
        started = time.monotonic()
        run(executable)
        print(f"ok ({time.monotonic() - started:.1f} s)")
    except Skipped as why:
        print(f"SKIP: {why}")
        sys.exit(77)
    except Failed as failure:
        for name in sorted(os.listdir("/run")):
            if name.endswith(".log"):
                print(f"--- {name}", *read(f"/run/{name}").splitlines()[-25:], sep="\n")
        print("FAILED: " + str(failure).replace("\n", "; "))
        sys.exit(1)
