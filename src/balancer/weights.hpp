// SPDX-License-Identifier: MIT
// Who gets new connections, and how many by comparison: configured weights, less the servers that
// are drained or down, and slow start for those that come while others serve. Pure.
//
// When all servers of a service that may have connections are down, all of them get connections as
// if nothing were known ("panic"): it may be the check that fails, and a server that does not serve
// is no worse than none.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "balancer/health.hpp"
#include "balancer/maglev.hpp"
#include "balancer/settings.hpp"

namespace anabranch::balancer {

/// In rings a weight is this many times the configured one, so that there is something between.
inline constexpr unsigned kWholeWeight = 1000;
/// What slow start begins with.
inline constexpr unsigned kFirstWeight = kWholeWeight / 10;

struct ServiceWeights {
  std::vector<RingServer> ring;
  bool panic = false;
  /// Those that have not their whole weight yet: how much they have, of kWholeWeight.
  std::map<std::uint16_t, unsigned> starting = {};
};

struct Weights {
  std::map<Endpoint, ServiceWeights> services;
  /// Ids of servers that are drained or down for any service. They keep the connections that they
  /// have, except that a SYN goes elsewhere.
  std::set<std::uint16_t> leaving = {};

  bool any_starting() const;
};

/// As configured, with all servers up.
std::vector<RingServer> configured_weights(const Vip& vip, const BalancerSettings& settings);

class Weigher {
 public:
  /// `drained` are names. What nobody has weighed before begins with its whole weight.
  Weights weigh(const BalancerSettings& settings, const HealthStates& health,
                const std::set<std::string>& drained, MonotonicTime now);

 private:
  /// Since when servers take connections, where others did already then.
  using Arrivals = std::map<std::uint16_t, MonotonicTime>;
  void note_arrivals(const std::set<std::uint16_t>& taking, Arrivals& arrivals, MonotonicTime now);

  std::map<Endpoint, Arrivals> arrivals_;
};

}  // namespace anabranch::balancer
