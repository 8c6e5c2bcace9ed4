// SPDX-License-Identifier: MIT
// Which connections a CPE takes, of LAN hosts and of its own machine, as the text of an nft table.
// Pure.
//
// A SYN from the LAN goes through the chain "judge"; what it does not hand to our listener goes its
// way as if we were not there. So it does, too, when nobody listens (tproxy finds no socket): a CPE
// that has died leaves new connections direct.
//
// A SYN of a socket of this machine goes through "judge_own" on its way out. One that is taken is
// led back by its mark and handed to the same listener. Here a CPE that has died is met: what is
// led back can go nowhere else.
//
// Destinations that have refused a connection are learned without our help: the reset to the LAN
// host has a mark, and comes from the destination's address and port. So are hosts that have met a
// limit: what goes to them on a connection beyond it has another, of which the first packet counts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/cpe_settings.hpp"
#include "proxy/whole_address.hpp"

namespace anabranch::proxy {

/// A listener on loopback at this port takes the connections, IPv4 and IPv6. `whole`: addresses at
/// which converters bring connections from outside. `cgroup_mount`: as own_socket_rules() needs it.
/// The text may be applied again and again: counters and learned destinations stay.
std::string interception_rules(const CpeSettings& settings, std::uint16_t port,
                               std::span<const WholeAddress> whole = {},
                               std::string_view cgroup_mount = {});

/// Takes the table away, if it is there.
std::string no_interception_rules();

/// The counter of rule number `index`; and those of every SYN that is taken, that carries MPTCP
/// itself, and that is left alone since its destination has refused one lately, or since its host
/// has met a limit.
std::string rule_counter(std::size_t index);
inline constexpr std::string_view kTakenCounter = "taken";
inline constexpr std::string_view kMptcpCounter = "mptcp";
inline constexpr std::string_view kRefusedCounter = "refused";
inline constexpr std::string_view kFullCounter = "full";

}  // namespace anabranch::proxy
