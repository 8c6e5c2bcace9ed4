/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What user space writes into the maps of the program on a server, and reads from them. Of the
 * balancer's entries it has three: steer_destination to steer_target in `services`, as the balancer
 * itself has them, and steer_server in `servers`, here with the other servers and how this one
 * reaches them. */
#pragma once

#include "entries.h"

/* How long after a place on the ring has got a new owner segments of connections that the owner
 * does not know go to the one before (Beamer, NSDI 2018, section 3.2). */
#define STEER_CHAIN_SECONDS 240

/* Who this server is. */
struct steer_own {
  __u32 id;
  /* Where outer headers are addressed to, IPv4 (as IPv4-mapped) and IPv6; zero: none. */
  __be32 address[2][4];
};

/* Key of `sources`: who may send encapsulated packets here. Network order; IPv4 is IPv4-mapped. */
struct steer_address {
  __be32 address[4];
};

/* A place on the ring, with who had it before. */
struct steer_place {
  __u16 owner;    /* id of a server; 0: none */
  __u16 previous; /* 0: none */
  __u32 changed;  /* when the owner came, in seconds since this machine's start (CLOCK_BOOTTIME) */
};

/* The value of the single element of a service's history, which is replaced as a whole. */
struct steer_history {
  struct steer_place place[STEER_RING_PLACES];
};

/* What is counted. One more and docs/balancer.md has one more. */
enum steer_arrival {
  STEER_HERE_UNWRAPPED,      /* an outer header was taken off */
  STEER_HERE_STRANGER,       /* encapsulated by somebody who may not: left alone */
  STEER_HERE_WRAPPED_OTHER,  /* what is inside is for nothing of ours: left alone */
  STEER_HERE_WRAPPED_BADLY,  /* a fragment, or headers that contradict themselves: left alone */
  STEER_HERE_JOIN,           /* a SYN with MP_JOIN where further subflows go */
  STEER_HERE_LOST_NO_JOIN,   /* a connection that begins where only further subflows go: dropped */
  STEER_HERE_LOST_FRAGMENT,  /* of TCP to an address of ours: dropped, as the balancer does */
  STEER_HERE_LOST_MALFORMED, /* the same with headers that cannot be read */
  STEER_HERE_CHAINED,        /* to the place's previous owner */
  STEER_HERE_LOST_HOPS,      /* would have been, but had been sent on too often */
  STEER_HERE_LOST_NO_NEXT_HOP, /* the same, but nobody knows how to reach it */
  STEER_HERE_LOST_TOO_LONG,    /* the same, but with an outer header it is longer than a packet can
                                  be */
  STEER_ARRIVALS,
};

/* Value of `arrivals`, of each processor. */
struct steer_arrivals {
  __u64 packets[STEER_ARRIVALS];
};
