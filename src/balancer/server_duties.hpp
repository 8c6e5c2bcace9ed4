// SPDX-License-Identifier: MIT
// What the agent beside a server has to see to, from what is configured for the whole cluster: the
// addresses and ports that clients are told to join (RFC 8684 section 3.4.1) in place of the one
// they connected to. Pure.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "balancer/settings.hpp"
#include "kernel/mptcp_pm.hpp"

namespace anabranch::balancer {

/// The kernel's own limit, of a network namespace.
inline constexpr std::size_t kMostEndpoints = 8;
/// The kernel's own limit of further subflows a connection. How many there are is for clients to
/// say.
inline constexpr std::uint32_t kMostSubflows = 8;

/// The one of this name. An error that names those there are is kBadInput.
Result<Server> find_server(const BalancerSettings& settings, std::string_view name);

struct ServerDuties {
  std::vector<Endpoint> services;  ///< whose connections this server has
  std::uint16_t join_port = 0;     ///< of this server
  std::vector<IpAddress> at_port;  ///< services' addresses announced with it (cure "port")
  std::vector<IpAddress> own;      ///< addresses of its own to be announced (cure "address")
  /// Clients are not to join the address that they connected to (C flag, RFC 8684 section 3.1).
  bool denies_initial = false;

  bool operator==(const ServerDuties&) const = default;
};

ServerDuties duties_of(const BalancerSettings& settings, const Server& server);

/// What is to be announced, what matters most first. Of addresses of its own those in
/// `without_port` alone, port 0 here: clients then join at the port that they connected to, where
/// somebody has to take it. At the others it is the join port, where the kernel does.
std::vector<Endpoint> places_of(const ServerDuties& duties,
                                std::span<const IpAddress> without_port);

/// "198.51.100.10 port 1025", "198.51.100.21"
std::string place_text(const Endpoint& announced);

/// What became of an address that is to be announced.
struct Announcement {
  enum class State : std::uint8_t {
    kOurs,       ///< announced, by an endpoint that we have made
    kForeign,    ///< announced, by an endpoint that somebody else has made
    kNoAddress,  ///< this machine does not have the address
    kInTheWay,   ///< somebody else's endpoint of the same address says something else
    kNoRoom,     ///< the kernel has no more than kMostEndpoints
    kRefused,    ///< by the kernel: former connections of a join port end for a minute, say
  };
  Endpoint at;
  State state{};

  bool announced() const { return state == State::kOurs || state == State::kForeign; }
  bool operator==(const Announcement&) const = default;
};

struct EndpointChanges {
  std::vector<kernel::MptcpEndpoint> remove;
  std::vector<kernel::MptcpEndpoint> add;
  std::vector<Announcement> announcements;  ///< how it is then; in the order of the duties
};

/// What is to be done to the kernel's endpoints. Those named by `ours` are the only ones that are
/// ever removed. `addresses`: of this machine.
EndpointChanges compare_endpoints(std::span<const Endpoint> announced,
                                  std::span<const kernel::MptcpEndpoint> actual,
                                  std::span<const Endpoint> ours,
                                  std::span<const IpAddress> addresses);

}  // namespace anabranch::balancer
