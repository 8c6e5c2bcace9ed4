/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From an Ethernet frame to the flow that it belongs to: TCP over IPv4 and IPv6, and ICMP errors
 * about segments of a server (RFC 792, RFC 4443), which must reach that server or its path MTU
 * discovery is blind.
 *
 * What cannot be read is said to be so and not guessed. Only what needs a look is looked at:
 * options of IP are stepped over, those of TCP read in a SYN only. */
#pragma once

#include "options.h"
#include "packet.h"

/* Extension headers that are stepped over before TCP; RFC 8200 section 4.1 names six kinds, of
 * which a client's segment has none. */
#define STEER_MOST_EXTENSIONS 4
#define STEER_EXTENSION_HOP_BY_HOP 0
#define STEER_EXTENSION_ROUTING 43
#define STEER_EXTENSION_FRAGMENT 44
#define STEER_EXTENSION_DESTINATION 60

/* Where the header behind an IP header is, and what. */
struct steer_inside {
  const __u8* at; /* 0: it cannot be told */
  __u8 protocol;
  __u8 is_fragment;
};

STEER_INLINE struct steer_inside steer_open_ipv4(const struct steer_ipv4* ip) {
  struct steer_inside out = {};
  const __u32 header = (ip->version_and_length & 0xfu) * 4;
  out.protocol = ip->protocol;
  out.is_fragment = (ip->fragment & STEER_TO_WIRE_16(STEER_IPV4_MORE_OR_OFFSET)) != 0;
  if (ip->version_and_length >> 4 == 4 && header >= sizeof *ip) out.at = (const __u8*)ip + header;
  return out;
}

STEER_INLINE struct steer_inside steer_open_ipv6(const struct steer_ipv6* ip, const __u8* end) {
  struct steer_inside out = {};
  const __u8* at = (const __u8*)(ip + 1);
  __u8 next = ip->next;
  for (int i = 0; i <= STEER_MOST_EXTENSIONS; ++i) {
    const int is_fragment = next == STEER_EXTENSION_FRAGMENT;
    if (!is_fragment && next != STEER_EXTENSION_HOP_BY_HOP && next != STEER_EXTENSION_ROUTING &&
        next != STEER_EXTENSION_DESTINATION) {
      out.protocol = next;
      out.at = at;
      return out;
    }
    if (at + 8 > end) return out;
    /* A fragment header with offset 0 and nothing to follow is around a whole packet (RFC 6946). */
    if (is_fragment && (at[2] != 0 || (at[3] & 0xf9) != 0)) {
      out.protocol = at[0];
      out.is_fragment = 1;
      return out;
    }
    next = at[0];
    at += is_fragment ? 8u : 8u + at[1] * 8u;
  }
  return out;
}

/* A segment towards a service: ports, flags, and the options of a SYN. */
STEER_INLINE __u8 steer_read_segment(const __u8* at, const __u8* end, struct steer_packet* packet) {
  const struct steer_tcp* tcp = (const struct steer_tcp*)at;
  if ((const __u8*)(tcp + 1) > end) return STEER_MALFORMED;
  packet->flow.client_port = tcp->source;
  packet->flow.service_port = tcp->destination;
  const __u32 header = (tcp->offset >> 4) * 4u;
  if (header < sizeof *tcp) return STEER_MALFORMED;
  packet->is_syn = (tcp->flags & STEER_TCP_SYN_ACK) == STEER_TCP_SYN;
  if (!packet->is_syn) return STEER_SEGMENT;
  if (at + header > end) return STEER_MALFORMED;
  steer_read_options(at + sizeof *tcp, end, header - (__u32)sizeof *tcp, packet);
  return STEER_SEGMENT;
}

/* What an ICMP error tells of: a segment from the service's address to the client. */
STEER_INLINE __u8 steer_read_complaint(const __u8* at, const __u8* end,
                                       struct steer_packet* packet) {
  const struct steer_icmp* icmp = (const struct steer_icmp*)at;
  const __u8* quoted = (const __u8*)(icmp + 1);
  struct steer_inside inside;
  if (quoted > end) return STEER_OTHER;
  if (packet->is_ipv6) {
    /* Unreachable, packet too big, time exceeded, parameter problem. */
    if (icmp->type < 1 || icmp->type > 4) return STEER_OTHER;
    const struct steer_ipv6* ip = (const struct steer_ipv6*)quoted;
    if ((const __u8*)(ip + 1) > end) return STEER_OTHER;
    inside = steer_open_ipv6(ip, end);
    __builtin_memcpy(packet->flow.service, ip->source, sizeof ip->source);
    __builtin_memcpy(packet->flow.client, ip->destination, sizeof ip->destination);
  } else {
    /* Unreachable with "fragmentation needed" among it, time exceeded, parameter problem. */
    if (icmp->type != 3 && icmp->type != 11 && icmp->type != 12) return STEER_OTHER;
    const struct steer_ipv4* ip = (const struct steer_ipv4*)quoted;
    if ((const __u8*)(ip + 1) > end) return STEER_OTHER;
    inside = steer_open_ipv4(ip);
    /* The first fragment has the ports, and of the others no router tells. */
    if (ip->fragment & STEER_TO_WIRE_16(0x1fff)) return STEER_OTHER;
    steer_map_ipv4(ip->source, packet->flow.service);
    steer_map_ipv4(ip->destination, packet->flow.client);
    inside.is_fragment = 0;
  }
  if (!inside.at || inside.is_fragment || inside.protocol != STEER_PROTOCOL_TCP) return STEER_OTHER;
  /* Eight octets of it are all that an error must quote: source and destination port are there. */
  if (inside.at + 8 > end) return STEER_OTHER;
  const struct steer_ports* ports = (const struct steer_ports*)inside.at;
  packet->flow.service_port = ports->source;
  packet->flow.client_port = ports->destination;
  return STEER_COMPLAINT;
}

/* `begin` to `end` is what of an Ethernet frame can be read, with its headers; `octets` how long
 * all of it is. `packet` is zero before. */
STEER_INLINE void steer_parse(const void* begin, const void* end, __u32 octets,
                              struct steer_packet* packet) {
  const struct steer_ethernet* ethernet = (const struct steer_ethernet*)begin;
  const __u8* stop = (const __u8*)end;
  const __u8* ip = (const __u8*)(ethernet + 1);
  struct steer_inside inside;
  if (ip > stop) return;
  if (ethernet->type == STEER_TO_WIRE_16(STEER_ETHERTYPE_IPV4)) {
    const struct steer_ipv4* header = (const struct steer_ipv4*)ip;
    if ((const __u8*)(header + 1) > stop) return;
    inside = steer_open_ipv4(header);
    packet->octets = STEER_TO_HOST_16(header->octets);
    steer_map_ipv4(header->source, packet->flow.client);
    steer_map_ipv4(header->destination, packet->flow.service);
  } else if (ethernet->type == STEER_TO_WIRE_16(STEER_ETHERTYPE_IPV6)) {
    const struct steer_ipv6* header = (const struct steer_ipv6*)ip;
    if ((const __u8*)(header + 1) > stop) return;
    packet->is_ipv6 = 1;
    inside = steer_open_ipv6(header, stop);
    packet->octets = STEER_TO_HOST_16(header->payload_octets) + (__u32)sizeof *header;
    __builtin_memcpy(packet->flow.client, header->source, sizeof header->source);
    __builtin_memcpy(packet->flow.service, header->destination, sizeof header->destination);
  } else {
    return;
  }
  if (packet->octets + (__u32)sizeof *ethernet > octets) {
    packet->kind = STEER_MALFORMED;
  } else if (inside.is_fragment) {
    packet->kind = STEER_FRAGMENT;
  } else if (!inside.at) {
    packet->kind = STEER_MALFORMED;
  } else if (inside.protocol == STEER_PROTOCOL_TCP) {
    packet->segment_at = (__u16)(inside.at - (const __u8*)begin);
    packet->kind = steer_read_segment(inside.at, stop, packet);
  } else if (inside.protocol == (packet->is_ipv6 ? STEER_PROTOCOL_ICMPV6 : STEER_PROTOCOL_ICMP)) {
    packet->kind = steer_read_complaint(inside.at, stop, packet);
  }
}
