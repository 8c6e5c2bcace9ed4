/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What user space writes into the maps and reads from them. */
#pragma once

#include "hash.h"
#include "packet.h"

/* Limits, all of them. */
#define STEER_MOST_SERVICES 256 /* [[vip]]: an address with a port */
#define STEER_MOST_ADDRESSES                                                                   \
  8192                          /* of services, and servers' own ones that are brought to them \
                                 */
#define STEER_MOST_SERVERS 4096 /* ids from 1 to this less one */
#define STEER_MOST_CONNECTIONS 1000000
#define STEER_MOST_TOKENS 1048576

/* Key of `services`. Network order; IPv4 is IPv4-mapped. Port 0: what holds for the address, where
 * no service has the port. */
struct steer_destination {
  __be32 address[4];
  __be16 port;
  __u16 unused;
};

enum steer_destination_kind {
  STEER_SERVICE = 1,    /* connections are spread over the servers of its ring */
  STEER_ADDRESS,        /* of services: has join ports, perhaps */
  STEER_SERVER_ADDRESS, /* everything goes to one server: further subflows only */
};

/* What becomes of further subflows that come to a service itself. */
enum steer_joins {
  STEER_JOINS_SPREAD,   /* nothing special: the ring */
  STEER_JOINS_REFUSED,  /* they are to go elsewhere, and are lost here */
  STEER_JOINS_BY_TOKEN, /* to the server that has the token */
};

/* Value of `services`. */
struct steer_target {
  __u32 kind;            /* enum steer_destination_kind */
  __u32 service;         /* number of the service, which is the place of its ring and its counts */
  __u32 server;          /* of a SERVER_ADDRESS */
  __u32 first_join_port; /* of an ADDRESS, host order: the join port of server N is this + N */
  __u32 join_ports;      /* of an ADDRESS: how many there are, 0 none */
  __u32 joins;           /* of a SERVICE: enum steer_joins */
};

/* Value of `connections`: the server's id, and whether the keys have still to come, of which its
 * token is made. */
#define STEER_SERVER_ID 0xffffu
#define STEER_AWAITS_KEYS 0x10000u

/* The value of the single element of a ring, which is replaced as a whole. */
struct steer_ring {
  __u16 server[STEER_RING_PLACES]; /* id; 0: there is no server */
  __u16 unused;
};

enum steer_server_state {
  STEER_NO_SERVER,
  STEER_SERVING,
  STEER_DRAINING, /* keeps what it has */
};

/* How frames get to a server, for one IP family. */
struct steer_next_hop {
  __u32 interface;     /* 0: not known */
  __u8 destination[6]; /* Ethernet */
  __u8 source[6];
};

struct steer_server {
  __u32 state;        /* enum steer_server_state */
  __u32 encapsulates; /* IPv4 in IPv4, IPv6 in IPv6; else only the Ethernet header changes */
  __be32 outer4[2];   /* source and destination of the outer header */
  __be32 outer6[2][4];
  struct steer_next_hop next_hop[2]; /* IPv4, IPv6 */
};

struct steer_limits {
  __u32 inserts_per_second; /* into connections and tokens together, on each processor */
};

/* Why a packet went where it went, or was lost. One more and docs/balancer.md has one more. */
enum steer_reason {
  STEER_NOT_OURS,           /* left to the machine itself */
  STEER_BY_CONNECTION,      /* the connection table has its server */
  STEER_BY_RING,            /* the hash of its flow */
  STEER_BY_JOIN_PORT,       /* its destination port names the server */
  STEER_BY_ADDRESS,         /* its destination address is the server's own */
  STEER_BY_TOKEN,           /* the server has the token of its MP_JOIN */
  STEER_LOST_FRAGMENT,      /* has no ports, or its other parts have none */
  STEER_LOST_MALFORMED,     /* headers that contradict themselves or end too early */
  STEER_LOST_JOIN,          /* MP_JOIN where further subflows do not go */
  STEER_LOST_NO_JOIN,       /* a connection that begins where only further subflows go */
  STEER_LOST_NO_SERVER,     /* nobody has that number, or the ring is empty */
  STEER_LOST_NO_NEXT_HOP,   /* the server's Ethernet address is not known */
  STEER_LOST_UNKNOWN_TOKEN, /* nobody is known to have the token of its MP_JOIN */
  STEER_LOST_UNREMEMBERED,  /* its server is known, but what follows would not get there */
  STEER_LOST_TOO_LONG,      /* with the outer header it is longer than an IP packet can be */
  STEER_REASONS,
};

/* Counted beside the reason. */
enum steer_note {
  STEER_NOTED_COMPLAINT = STEER_REASONS, /* ICMP errors brought to a server */
  STEER_NOTED_ODD_OPTIONS,               /* SYNs whose options break off */
  STEER_NOTED_JOIN,                      /* SYNs with MP_JOIN */
  STEER_NOTED_CAPABLE,                   /* SYNs with MP_CAPABLE */
  STEER_NOTED_UNLEARNED,                 /* connections and tokens that are over the limit */
  STEER_NOTED_TOKEN,                     /* tokens learned */
  STEER_NOTED_TOKEN_CONFLICT,            /* tokens that another server has already */
  STEER_COUNTS,
};

/* Value of `service_counts`, of each processor. */
struct steer_counts {
  __u64 packets[STEER_COUNTS];
};

/* Value of `server_counts`, of each processor. */
struct steer_traffic {
  __u64 packets;
  __u64 octets;
};

/* steer_verdict.keys: it goes to the server of a connection whose keys are not known yet. */
enum steer_keys {
  STEER_KEYS_NOT_ASKED,
  STEER_KEYS_ASKED,
  STEER_KEYS_FOUND, /* in this segment */
};

/* What became of a packet. */
struct steer_verdict {
  __u32 reason;  /* enum steer_reason */
  __u32 service; /* its number; meaningless for NOT_OURS */
  __u32 server;  /* id; 0: to none */
  __u32 place;   /* on the ring, where that was asked */
  __u32 keys;    /* enum steer_keys */
  __u32 token;   /* that the keys make, when they were found; host order */
};

/* What the program `explain` puts before a frame: what was read of it, what would become of it. */
struct steer_explanation {
  struct steer_packet packet;
  struct steer_verdict verdict;
};
