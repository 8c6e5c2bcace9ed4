// SPDX-License-Identifier: MIT
// What a server needs beside its agent and does not have: looked at, judged, and told with the
// command that mends it. Nothing of it is changed by us.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "balancer/server_duties.hpp"
#include "base/result.hpp"
#include "kernel/mptcp_commands.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/socket_diag.hpp"

namespace anabranch::balancer {

struct MachineFacts {
  enum class Listens : std::uint8_t { kNobody, kTcp, kMptcp };
  struct Switches {
    int arp_ignore = 0;  ///< in effect: the higher one of the interface's and that of all
    int rp_filter = 0;   ///< the same
  };

  std::vector<kernel::LinkInfo> links;
  std::vector<kernel::Address> addresses;
  std::map<unsigned, Switches> switches = {};  ///< of the interfaces with the server's addresses
  std::map<Endpoint, Listens> listeners = {};  ///< at the services
  /// Of its own addresses those where joins to the services' ports are taken. All, when nobody
  /// listens anywhere yet.
  std::vector<IpAddress> take_joins = {};
  bool mptcp = true;       ///< net.mptcp.enabled
  bool timestamps = true;  ///< net.ipv4.tcp_timestamps
  kernel::PathManagerType manager = kernel::PathManagerType::kKernel;

  /// Index of the interface that has the address; 0: none.
  unsigned interface_of(const IpAddress& address) const;
  std::vector<IpAddress> all_addresses() const;
};

/// In the calling thread's network namespace.
Result<MachineFacts> observe_machine(kernel::Rtnetlink& netlink, kernel::SocketDiag& sockets,
                                     const Server& server, const ServerDuties& duties);

/// What is missing: a sentence without a full stop, and what to do about it.
struct Finding {
  std::string what;
  std::string hint;
  bool operator==(const Finding&) const = default;
};

/// Pure. `announcements`: as they are now; none when nothing is announced yet.
std::vector<Finding> judge_machine(const Server& server, const ServerDuties& duties,
                                   const MachineFacts& facts,
                                   std::span<const Announcement> announcements);

}  // namespace anabranch::balancer
