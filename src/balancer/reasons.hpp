// SPDX-License-Identifier: MIT
// Names and meanings of what the data plane says of a packet.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <steering/entries.h>

namespace anabranch::balancer {

struct Reason {
  std::string_view name;
  std::string_view meaning;  ///< a sentence without a full stop
};

/// By enum steer_reason, then by enum steer_note.
inline constexpr std::array<Reason, STEER_COUNTS> kReasons{{
    {"not-ours", "it is for no service: left to the machine itself"},
    {"by-connection", "the connection is remembered, with its server"},
    {"by-ring", "the hash of its flow leads to this place of the service's ring"},
    {"by-join-port", "the port it goes to is the join port of this server"},
    {"by-address", "the address it goes to is this server's own"},
    {"by-token", "this server has the connection that its token names"},
    {"lost-fragment",
     "a part of an IP packet: the ports, or those of its other parts, are not there"},
    {"lost-malformed", "its headers contradict themselves or end too early"},
    {"lost-join", "a further subflow to the service itself, which says that those go elsewhere"},
    {"lost-no-join", "it begins a connection where only further subflows go"},
    {"lost-no-server", "no server has that number, or none takes connections of this service"},
    {"lost-no-next-hop", "the link address of the server is not known"},
    {"lost-unknown-token", "no server is known to have the connection that its token names"},
    {"lost-unremembered",
     "the server of its token is known, but what follows could not be remembered: over "
     "inserts_per_second"},
    {"lost-too-long", "with an outer header it would be longer than an IP packet can be"},
    {"complaints", "ICMP errors brought to a server"},
    {"odd-options", "SYNs whose list of options breaks off"},
    {"joins", "SYNs with MP_JOIN"},
    {"capables", "SYNs with MP_CAPABLE"},
    {"unlearned", "connections and tokens not remembered: over inserts_per_second"},
    {"tokens", "tokens learned from keys that went by"},
    {"token-conflicts", "tokens not learned: another server has them"},
}};

constexpr bool is_lost(std::uint32_t reason) {
  return reason >= STEER_LOST_FRAGMENT && reason < STEER_REASONS;
}

}  // namespace anabranch::balancer
