/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What is read of a packet, and the headers it is read from. */
#pragma once

#include "portable.h"

enum steer_kind {
  STEER_OTHER,   /* nothing that could be for a service: not IP, not TCP, no ICMP error about TCP */
  STEER_SEGMENT, /* TCP */
  STEER_COMPLAINT, /* an ICMP error about a segment that a server has sent */
  STEER_FRAGMENT,  /* part of an IP packet: the ports are not known, or not of all parts */
  STEER_MALFORMED, /* a header that ends too early or contradicts itself; what flow it has is told
                    */
};

/* A connection's direction towards the service. Addresses in network order, IPv4 as IPv4-mapped
 * IPv6; ports in network order. Of a COMPLAINT it is the connection that the error is about. */
struct steer_flow {
  __be32 client[4];
  __be32 service[4];
  __be16 client_port;
  __be16 service_port;
};

/* steer_packet.mptcp: options that a server would take for valid in a SYN (RFC 8684). */
#define STEER_MP_CAPABLE 1
#define STEER_MP_JOIN 2

struct steer_packet {
  struct steer_flow flow;
  __u32 token;  /* of the MP_JOIN, host order */
  __u32 octets; /* of the IP packet, by its own header */
  __u8 kind;    /* enum steer_kind */
  __u8 is_ipv6;
  __u8 is_syn; /* SYN without ACK: the beginning of a connection or subflow */
  __u8 mptcp;
  __u8 has_odd_options; /* a list of options that breaks off; what came before the break counts */
  __u8 unused;
  __u16 segment_at; /* of a SEGMENT: where in the frame its TCP header is */
};

struct steer_ethernet {
  __u8 destination[6];
  __u8 source[6];
  __be16 type;
} STEER_ON_WIRE;

struct steer_ipv4 {
  __u8 version_and_length;
  __u8 service_class;
  __be16 octets;
  __be16 identification;
  __be16 fragment;
  __u8 hops;
  __u8 protocol;
  __be16 checksum;
  __be32 source;
  __be32 destination;
} STEER_ON_WIRE;

struct steer_ipv6 {
  __be32 version_class_label;
  __be16 payload_octets;
  __u8 next;
  __u8 hops;
  __be32 source[4];
  __be32 destination[4];
} STEER_ON_WIRE;

struct steer_tcp {
  __be16 source;
  __be16 destination;
  __be32 sequence;
  __be32 acknowledgement;
  __u8 offset;
  __u8 flags;
  __be16 window;
  __be16 checksum;
  __be16 urgent;
} STEER_ON_WIRE;

struct steer_ports {
  __be16 source;
  __be16 destination;
} STEER_ON_WIRE;

struct steer_icmp {
  __u8 type;
  __u8 code;
  __be16 checksum;
  __be32 rest;
} STEER_ON_WIRE;

#define STEER_ETHERTYPE_IPV4 0x0800
#define STEER_ETHERTYPE_IPV6 0x86dd
#define STEER_IPV4_MORE_OR_OFFSET 0x3fff
#define STEER_TCP_SYN 0x02
#define STEER_TCP_SYN_ACK 0x12
#define STEER_PROTOCOL_ICMP 1
#define STEER_PROTOCOL_IPV4 4
#define STEER_PROTOCOL_TCP 6
#define STEER_PROTOCOL_IPV6 41
#define STEER_PROTOCOL_ICMPV6 58

#define STEER_OPTION_END 0
#define STEER_OPTION_NONE 1
#define STEER_OPTION_MPTCP 30
#define STEER_SUBTYPE_MP_CAPABLE 0
#define STEER_SUBTYPE_MP_JOIN 1
/* Lengths in a SYN, RFC 8684 sections 3.1 and 3.2. */
#define STEER_MP_CAPABLE_OCTETS 4
#define STEER_MP_JOIN_OCTETS 12
/* MP_CAPABLE with both keys: alone, with the length of data, and with a checksum over it. */
#define STEER_KEYS_OCTETS 20
#define STEER_KEYS_DATA_OCTETS 22
#define STEER_KEYS_CHECKSUM_OCTETS 24
#define STEER_MPTCP_VERSION 1
/* Flags of MP_CAPABLE: with another algorithm, or an extension nobody knows, a server takes it for
 * none. */
#define STEER_CAPABLE_EXTENDED 0x40
#define STEER_CAPABLE_SHA256 0x01

STEER_INLINE void steer_map_ipv4(__be32 from, __be32 to[4]) {
  to[0] = 0;
  to[1] = 0;
  to[2] = STEER_TO_WIRE_32(0xffff);
  to[3] = from;
}
