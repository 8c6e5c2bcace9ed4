// SPDX-License-Identifier: MIT
// What `host run` must know again after it was killed, kept in <runtime
// directory>/host-IFACE.state: leases and provisioning domains with the wall-clock time of their
// end, and what was there before us.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "host/domain_json.hpp"
#include "host/lease_json.hpp"
#include "kernel/mptcp_pm.hpp"

namespace anabranch::host {

struct HostState {
  unsigned ifindex = 0;
  wire::ExtRoute discovered;  ///< index 0: not yet
  std::vector<Lease> leases;
  std::vector<IpAddress> endpoints;  ///< addresses whose MPTCP endpoint is ours
  std::optional<kernel::MptcpLimits> limits_before = std::nullopt;
  std::optional<kernel::MptcpLimits> limits_set = std::nullopt;
  /// The network that lets only one Ethernet address of a station pass (attachment.hpp).
  std::optional<IpPrefix> shared_on = std::nullopt;
  std::vector<Domain> domains = {};
  std::vector<Lease6> leases6 = {};
  std::vector<AddressMemory> ipv6 = {};   ///< addresses in the domains' prefixes
  std::vector<Endpoint> converters = {};  ///< that the interface's own path tells of
};

std::string format_state(const HostState& state, const Clocks& clocks);
/// Leases that have ended meanwhile are left out.
Result<HostState> parse_state(std::string_view text, const Clocks& clocks);

std::filesystem::path state_path(std::string_view interface);
std::filesystem::path sysctl_path(std::string_view interface);

}  // namespace anabranch::host
