# SPDX-License-Identifier: MIT
"""What scapy makes of an Ethernet frame with a Router Advertisement, outside of the options it does not know
(PvD and EXT_ROUTE). Frame in hexadecimal on standard input, JSON on standard output. A program of its own,
for Debian's Python: it has the module where another Python that is first in PATH may not."""
import json
import logging
import sys

logging.getLogger("scapy").setLevel(logging.CRITICAL)
try:
    from scapy.layers import inet6
    from scapy.layers.l2 import Ether
except ImportError:
    sys.exit(77)

packet = Ether(bytes.fromhex(sys.stdin.read()))
ra = packet[inet6.ICMPv6ND_RA]
found = {"hop_limit": ra.chlim, "managed": ra.M, "lifetime": ra.routerlifetime, "checksum": ra.cksum}
option = ra.payload
while option:
    if isinstance(option, inet6.ICMPv6NDOptPrefixInfo):
        prefix = [f"{option.prefix}/{option.prefixlen}", option.L, option.A, option.validlifetime, option.preferredlifetime]
        found.setdefault("prefixes", []).append(prefix)
    elif isinstance(option, inet6.ICMPv6NDOptRDNSS):
        found["dns"] = [option.dns, option.lifetime]
    elif isinstance(option, inet6.ICMPv6NDOptSrcLLAddr):
        found["link_address"] = option.lladdr
    elif isinstance(option, inet6.ICMPv6NDOptMTU):
        found["mtu"] = option.mtu
    option = option.payload
del packet[inet6.ICMPv6ND_RA].cksum
again = Ether(bytes(packet))
found["checksum_right"] = again[inet6.ICMPv6ND_RA].cksum == found.pop("checksum")
print(json.dumps(found))
