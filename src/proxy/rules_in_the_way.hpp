// SPDX-License-Identifier: MIT
// Policy rules of an administrator that the kernel asks before the one that leads marked packets to
// this machine: what they take never arrives at a transparent socket, and its connection hangs.
// Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::proxy {

/// Packets that belong to us.
struct MarkedPackets {
  std::uint32_t mark = 0;
  std::uint32_t rule = 0;               ///< priority of ours
  std::vector<std::string> interfaces;  ///< they come by; empty: by any
  std::vector<IpPrefix> sources;        ///< they come from; empty: not known
};

/// Those of `rules` that may hold for such packets and come first. A rule that finds nothing in its
/// table does no harm, which is not looked at.
std::vector<kernel::Rule> rules_in_the_way(std::span<const kernel::Rule> rules,
                                           const MarkedPackets& packets);

/// "520: from 10.0.0.0/8 lookup 100", as ip(8) shows it.
std::string rule_text(const kernel::Rule& rule);

}  // namespace anabranch::proxy
