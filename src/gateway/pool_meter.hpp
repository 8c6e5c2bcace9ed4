// SPDX-License-Identifier: MIT
// How full the pools of a Kea of ours are: asks it after something was given, a while after the
// last time, and while a pool is full. Says in the log when one is, and when it has room again.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/ip.hpp"
#include "base/loop.hpp"
#include "gateway/kea.hpp"
#include "gateway/pool_use.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

class PoolMeter {
 public:
  /// After leases were given: the pools need not be known to the second.
  static constexpr seconds kAfterLease{10};
  static constexpr seconds kAfterRefusal{1};

  /// `changed` is called when addresses() or prefixes() have.
  PoolMeter(Loop& loop, Kea& kea, Family family, std::function<void()> changed);

  /// From now on these settings hold.
  void use(const Settings& settings) { settings_ = settings; }
  void on_state(Kea::State state);
  /// Asks after `delay`, or sooner when that was going to happen anyway; once a second at most.
  void ask_in(seconds delay);
  /// Asks anew unless that was just now; the answer is there a moment later.
  void refresh();

  /// As Kea said last; empty before it has, and when there is to be none any more.
  const PoolUses& addresses() const { return addresses_; }
  const PoolUses& prefixes() const { return prefixes_; }

 private:
  /// What is counted, and in which words.
  struct Words {
    std::string_view none_left;
    std::string_view again;
  };

  void ask();
  void take(const nlohmann::json& reply);
  void drop_unknown(PoolUses& uses) const;
  void say(const std::vector<PoolWatch::Event>& events, const Words& words) const;
  std::string path_text(unsigned index) const;
  seconds lease_time() const;

  Loop& loop_;
  Kea& kea_;
  Family family_;
  std::function<void()> changed_;
  Settings settings_;
  PoolUses addresses_;
  PoolUses prefixes_;
  PoolWatch address_watch_;
  PoolWatch prefix_watch_;
  MonotonicTime asked_{};
  MonotonicTime due_ = MonotonicTime::max();
  Loop::Handle timer_;
};

}  // namespace anabranch::gateway
