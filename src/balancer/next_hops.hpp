// SPDX-License-Identifier: MIT
// Where frames to servers go: which way the kernel would send a packet to each, and the link
// address of who is next on it.
#pragma once

#include <span>

#include "balancer/plan.hpp"
#include "base/result.hpp"
#include "kernel/neighbours.hpp"
#include "kernel/route_lookup.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::balancer {

class NextHopFinder {
 public:
  /// In the calling thread's network namespace.
  static Result<NextHopFinder> open();

  /// What is known now. The kernel is made to look for what is not, and to see whether what is
  /// known still holds. Who was known and falls silent keeps its place: a server that does not
  /// answer for its address may serve all the same.
  Result<NextHops> find(std::span<const Server> servers);
  /// True when every address of every server has its next hop.
  static bool complete(std::span<const Server> servers, const NextHops& next_hops);

 private:
  NextHopFinder(kernel::Rtnetlink links, kernel::RouteLookup routes, kernel::Neighbours neighbours)
      : links_(std::move(links)), routes_(std::move(routes)), neighbours_(std::move(neighbours)) {}
  Result<std::optional<::steer_next_hop>> ask(const IpAddress& address,
                                              std::span<const kernel::LinkInfo> links);

  kernel::Rtnetlink links_;
  kernel::RouteLookup routes_;
  kernel::Neighbours neighbours_;
  NextHops known_;
};

/// "02:00:00:00:00:07 by interface 3"
std::string next_hop_text(const ::steer_next_hop& hop);

}  // namespace anabranch::balancer
