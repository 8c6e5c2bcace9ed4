# SPDX-License-Identifier: MIT
"""What scenarios of bad clients, hosts and converters share: endings by reset, crowds, and what a role holds on to."""
import os
import random
import socket
import struct
import threading

from namespaces import enter, wait_until

# What a role may have more of afterwards: buffers of its own that it keeps.
MEMORY_ROOM = 512 * 1024
# 16 pipes of each of its threads.
SPARE_PIPE_ENDS = 2 * 16 * (os.cpu_count() or 1)


def reset(connection):
    """close(2) with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def crowd(node, count, at_once, once):
    """once(random) in `node`, `count` times, by `at_once` threads; an OSError is its end and nothing else."""
    with open(f"/proc/{node.pid}/ns/net") as there:
        there = os.dup(there.fileno())

    def one_of_them(share, seed):
        enter(there)
        chosen = random.Random(seed)
        for _ in range(share):
            try:
                once(chosen)
            except OSError:
                pass

    threads = [threading.Thread(target=one_of_them, args=(count // at_once, seed)) for seed in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(there)


def connections(role):
    """Of a role: its sockets that are not listeners."""
    out = role.namespace.run("ss", "-Htanp", "state", "established", "state", "close-wait", "state", "syn-sent")
    return [line for line in out.splitlines() if f"pid={role.process.pid}," in line]


def at_rest(role, patience):
    """Descriptors and heap of a role whose connections are over. Of the pipes it may keep some to spare."""
    wait_until(f"every connection of the {role.name} is over", lambda: not connections(role), patience)
    folder = f"/proc/{role.process.pid}/fd"
    targets = [os.readlink(f"{folder}/{number}") for number in os.listdir(folder)]
    pipes = sum(target.startswith("pipe:") for target in targets)
    descriptors = len(targets) - min(pipes, SPARE_PIPE_ENDS)
    with open(f"/proc/{role.process.pid}/smaps_rollup") as file:
        memory = sum(int(line.split()[1]) for line in file if line.startswith("Anonymous:")) * 1024
    return descriptors, memory
