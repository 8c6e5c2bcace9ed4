// SPDX-License-Identifier: MIT
// The roles of a single-homed network: started, awaited, asked.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/network.hpp"

namespace anabranch::lab {

struct HostPath {
  unsigned index = 0;
  IpAddress address;
  bool up = false;
  seconds lease{};  ///< what is left of it; zero: none of ours
};

/// What `anabranch host show` says in `node`, in order of index.
Result<std::vector<HostPath>> host_paths(const Network& network, std::string_view node);
/// Emulated links, which are the uplinks.
unsigned uplink_count(const Topology& topology);
/// One path for each uplink, every one up and known to the kernel's path manager.
bool has_every_path(const Network& network, std::string_view host);

struct GatewayDhcp {
  bool running = false;
  pid_t kea = 0;
};
/// What `anabranch gateway show` says about DHCP; not running when it does not answer, running when
/// there is none to run.
GatewayDhcp gateway_dhcp(const Network& network);

/// Starts the gateway and the hosts, and waits until every host has every path. A host whose
/// interface is down is left to the scenario. Returns the time from the first host's start.
Result<nanoseconds> start_single_homed_roles(Network& network);

/// The second half of it.
Result<nanoseconds> start_hosts(Network& network);

/// Looks every 20 ms; an error that names `what` when `patience` is over.
Result<void> wait_until(const std::string& what, nanoseconds patience,
                        const std::function<bool()>& condition);
/// Between two looks at something that is awaited with a deadline: 20 ms.
void pause_briefly();

}  // namespace anabranch::lab
