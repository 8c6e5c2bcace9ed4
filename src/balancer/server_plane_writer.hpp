// SPDX-License-Identifier: MIT
// Keeps the kernel's program on a server attached where the balancer's packets come in, and its
// maps as they are planned. Packets do not need this process: the program works on after its end.
#pragma once

#include <filesystem>
#include <map>
#include <set>

#include "balancer/next_hops.hpp"
#include "balancer/server_plane_plan.hpp"
#include "balancer/told_history.hpp"
#include "base/result.hpp"
#include "kernel/balancer_server_plane.hpp"

namespace anabranch::balancer {

/// Beside the balancer's own.
std::filesystem::path server_pins(const BalancerSettings& settings);

class ServerPlaneWriter {
 public:
  /// Loads the program, with what a predecessor has left in it. kNotPermitted where no BPF program
  /// may be loaded.
  static Result<ServerPlaneWriter> open(const BalancerSettings& settings);

  /// What is configured. To be followed by look().
  Result<void> configure(const BalancerSettings& settings, const Server& server);
  /// Where the others are now, and the interfaces whose packets the program is to look at: those
  /// that are none of them any more lose it.
  Result<void> look(const std::set<unsigned>& interfaces);
  /// Who had the places of a service before; nothing happens for a service that is not configured.
  Result<void> take(const wire::ControlHistory& told);

  Result<::steer_arrivals> counts() const { return plane_.counts(); }
  /// Places of the service's ring that are this server's and were another one's before.
  std::size_t places_from_others(const Endpoint& service) const;

  /// Ends what the program does: takes it off every interface and removes what is pinned. What is
  /// gone already is no error.
  static Result<void> clean_up(const BalancerSettings& settings);

 private:
  ServerPlaneWriter(kernel::BalancerServerPlane plane, NextHopFinder finder,
                    std::filesystem::path pins)
      : plane_(std::move(plane)), finder_(std::move(finder)), pins_(std::move(pins)) {}
  Result<void> write_others(std::map<std::uint32_t, ::steer_server> others);

  kernel::BalancerServerPlane plane_;
  NextHopFinder finder_;
  std::filesystem::path pins_;
  BalancerSettings settings_;
  Server server_;
  ServiceNumbers numbers_;
  std::map<std::uint32_t, ::steer_server> others_;  ///< as written
  std::map<Endpoint, ToldHistory> histories_;
  std::set<unsigned> attached_;
};

}  // namespace anabranch::balancer
