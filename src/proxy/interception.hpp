// SPDX-License-Identifier: MIT
// Leads LAN hosts' connections, and those of this machine, to the CPE: the nft table, and the
// routes of what has its mark.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/rtnetlink.hpp"
#include "proxy/cpe_settings.hpp"
#include "proxy/rules_in_the_way.hpp"
#include "proxy/whole_address.hpp"

namespace anabranch::proxy {

class Interception {
 public:
  /// Sets up everything, over what an earlier process may have left.
  static Result<void> start(const CpeSettings& settings, std::uint16_t port,
                            std::span<const WholeAddress> whole);
  /// New rules for connections from now on.
  static Result<void> change(const CpeSettings& settings, std::uint16_t port,
                             std::span<const WholeAddress> whole);
  /// Removes everything; what is not there is no error.
  static Result<void> stop();
  /// Rules of an administrator that may take hosts' packets before ours does; none where they
  /// cannot be seen.
  static std::vector<kernel::Rule> rules_in_the_way(const CpeSettings& settings);
  /// Packets counted by each counter of interception_rules().
  static Result<std::map<std::string, std::uint64_t>> counters();
};

/// What is led to this machine: of hosts, whose prefixes are `lan`, and of its own sockets. Nothing
/// where there are local doors alone.
std::optional<MarkedPackets> led_packets(const CpeSettings& settings, std::vector<IpPrefix> lan);

/// On-link prefixes of these interfaces.
std::vector<IpPrefix> prefixes_of(const std::vector<std::string>& interfaces);

}  // namespace anabranch::proxy
