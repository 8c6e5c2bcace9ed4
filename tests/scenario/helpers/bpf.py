# SPDX-License-Identifier: MIT
"""A BPF file system for a scenario, and XDP programs that say the same of everything: on a virtual Ethernet pair the far end
must have one, or what a program at this end sends back (XDP_TX) or redirects to it is lost."""
import contextlib
import ctypes
import os
import struct

from waiting import Skipped, expect

BPF = 321 if os.uname().machine == "x86_64" else 280
PROG_LOAD, OBJ_PIN = 5, 6
XDP = 6
XDP_DROP, XDP_PASS = 1, 2


def call(command, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    out = libc.syscall(BPF, command, buffer, 128)
    if out < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return out


def pin_xdp(path, verdict):
    """For `ip link set dev NAME xdp pinned PATH`."""
    # r0 = verdict; exit
    code = bytes.fromhex("b7000000") + struct.pack("=i", verdict) + bytes.fromhex("9500000000000000")
    program, words = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"MIT")
    descriptor = call(PROG_LOAD, struct.pack("=IIQQ", XDP, len(code) // 8, ctypes.addressof(program), ctypes.addressof(words)))
    name = ctypes.create_string_buffer(os.fsencode(path))
    call(OBJ_PIN, struct.pack("=QI", ctypes.addressof(name), descriptor))
    os.close(descriptor)


@contextlib.contextmanager
def bpf_file_system(folder):
    """Where pins can be, as long as the scenario lasts."""
    with open("/proc/self/uid_map") as uid_map:
        if uid_map.read().split() != ["0", "0", str(2**32 - 1)]:
            raise Skipped("an ordinary user may not load BPF programs")
    place = folder / "bpf"
    place.mkdir()
    expect(os.system(f"mount -t bpf bpf {place}") == 0, "no BPF file system")
    try:
        yield place
    finally:
        os.system(f"umount {place}")
