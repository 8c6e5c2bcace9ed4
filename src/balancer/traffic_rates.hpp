// SPDX-License-Identifier: MIT
// How much servers get now, from what the kernel has counted at two moments.
#pragma once

#include <cstdint>
#include <map>

#include <steering/entries.h>

#include "base/units.hpp"

namespace anabranch::balancer {

/// By the server's id.
using Traffic = std::map<std::uint32_t, ::steer_traffic>;

struct TrafficRate {
  double packets_per_second = 0;
  BitRate rate = {};
};

class TrafficRates {
 public:
  void take(Traffic traffic, MonotonicTime now) {
    before_ = std::move(last_);
    time_between_ = now - taken_;
    last_ = std::move(traffic);
    taken_ = now;
  }

  /// Between the last two; nothing before there are two.
  TrafficRate of(std::uint32_t server) const {
    const auto before = before_.find(server);
    const auto last = last_.find(server);
    if (before == before_.end() || last == last_.end() || time_between_ <= nanoseconds::zero())
      return {};
    const auto packets = static_cast<double>(last->second.packets - before->second.packets);
    return {packets / std::chrono::duration<double>(time_between_).count(),
            rate_of(last->second.octets - before->second.octets, time_between_)};
  }

 private:
  Traffic before_;
  Traffic last_;
  MonotonicTime taken_{};
  nanoseconds time_between_{};
};

}  // namespace anabranch::balancer
