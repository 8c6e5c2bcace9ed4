// SPDX-License-Identifier: MIT
// Watches over the health of every uplink: sends its probes round by round, makes the kernel look
// for its next hops, and asks uplink_health.hpp what that means.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "gateway/plan.hpp"
#include "gateway/settings.hpp"
#include "kernel/neighbours.hpp"

namespace anabranch::gateway {

class HealthMonitor {
 public:
  using Health = decltype(Observed::health);

  /// `changed` is called, never from inside, when an uplink has begun or ceased to work.
  HealthMonitor(Loop& loop, std::function<void()> changed);
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;
  ~HealthMonitor();

  /// Begins to hear of neighbours.
  Result<void> open();
  /// Watches the uplinks of `settings`, over their interfaces as they are now. One that was watched
  /// already goes on as it is when nothing of it has changed. One that did not work and is asked by
  /// other probes from now on works once these say so; all others begin anew.
  void follow(const Settings& settings, const Observed& observed);
  Health health() const;

 private:
  struct Watch;

  void begin(Watch& watch);
  void begin_round(Watch& watch);
  void look_for_next_hops(Watch& watch);
  void hear_neighbours();
  /// Tells of a verdict that is not the one of before.
  void after(Watch& watch, bool worked);

  Loop& loop_;
  std::function<void()> changed_;
  std::optional<kernel::Neighbours> neighbours_;
  std::map<std::string, std::unique_ptr<Watch>, std::less<>> watches_;
  Loop::Handle neighbour_events_;
  Loop::Handle telling_;
};

}  // namespace anabranch::gateway
