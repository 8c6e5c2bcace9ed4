// SPDX-License-Identifier: MIT
// A Decider and what must hold of it whatever it is told: actions are numbered one after the other
// and can be written down and read again, an input leads to no flood of them, a connection has no
// more subflows than the kernel lets it have asked for, and it does not want to be woken again and
// again without time passing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include "input.hpp"
#include "paths/codec.hpp"
#include "paths/decider.hpp"
#include "paths/report.hpp"

namespace anabranch::fuzz {

class WatchedDecider {
 public:
  explicit WatchedDecider(paths::Settings settings) : decider_(std::move(settings)) {}

  void take(const paths::Input& input, MonotonicTime now) {
    const auto encoded = paths::encode(input);
    const auto again = paths::decode_input(encoded);
    require(again && paths::encode(*again) == encoded, "an input comes back");
    handle(input, now);
    // Timers that are due by now may set others; the role wakes it for them.
    constexpr int kMostWakings = 20;
    int wakings = 0;
    for (auto next = decider_.next_tick(); next && *next <= now; next = decider_.next_tick()) {
      require(++wakings <= kMostWakings, "it lets time pass");
      handle(paths::input::Tick{}, now);
    }
    const auto watch = decider_.watch(now);
    require(watch.interval >= nanoseconds::zero(), "figures are read from now on");
    require(watch.tokens.size() <= decider_.connections().size(), "of connections there are");
  }

  /// What everybody may ask for at any time.
  void look(MonotonicTime now) const {
    require(paths::report_json(decider_, now).has_value(), "its state can be told");
    for (const auto& [address, path] : decider_.memory()) {
      require(path.minimum_rtt >= nanoseconds::zero(), "no round trip is negative");
      require(path.send_rate.bits_per_second >= 0, "no rate is negative");
      require(path.receive_rate.bits_per_second >= 0, "no rate is negative");
    }
  }

 private:
  void handle(const paths::Input& input, MonotonicTime now) {
    // A recording of the size that is tried has some dozen connections and addresses.
    constexpr std::size_t kMostActions = 2000;
    const auto actions = decider_.handle(input, now);
    require(actions.size() <= kMostActions, "an input is no flood of actions");
    for (const auto& action : actions) {
      require(action.number == next_++, "actions are numbered");
      require(!action.reason.empty(), "every action has a reason");
      const auto encoded = paths::encode(action);
      const auto again = paths::decode_action(encoded);
      require(again && paths::encode(*again) == encoded, "an action comes back");
    }
  }

  paths::Decider decider_;
  std::uint64_t next_ = 1;
};

}  // namespace anabranch::fuzz
