// SPDX-License-Identifier: MIT
// Watches what our Kea gives away: how full each path's pool is, and which hardware addresses take
// more than their share. Driven by Kea's file of leases, or by its log where they are in a
// database; asks Kea only after something was given, a while after the last time, and while a pool
// is full or someone is held back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/ip.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "gateway/kea.hpp"
#include "gateway/lease_journal.hpp"
#include "gateway/lease_limit.hpp"
#include "gateway/pool_use.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

class LeaseWatch {
 public:
  /// `held_back_changed` is called when held_back() has changed, and with it Kea's configuration;
  /// `shown_changed` when pools() have.
  LeaseWatch(Loop& loop, Kea& kea, std::function<void()> held_back_changed,
             std::function<void()> shown_changed);

  /// From now on these settings hold. `limited` is false where Kea cannot tell and take back
  /// leases of a hardware address.
  void use(const Settings& settings, bool limited);
  void on_line(const KeaLine& line);
  void on_state(Kea::State state);

  /// As Kea said last; empty before it has.
  const PoolUses& pools() const { return pools_; }
  /// Asks anew unless that was just now; the answer is in pools() a moment later.
  void refresh();
  const std::set<MacAddress>& held_back() const { return limit_.held_back(); }
  /// Times that a client got no address since the start, for want of one.
  unsigned long refused() const { return refused_; }

 private:
  void follow();
  void given(const GivenLease& lease);
  void poll_in(seconds delay);
  void poll();
  void take_pools(const nlohmann::json& reply);
  void look_at(MacAddress mac);
  void judge(const MacAddress& mac, const nlohmann::json& reply);
  std::string path_text(unsigned index) const;

  Loop& loop_;
  Kea& kea_;
  std::function<void()> held_back_changed_;
  std::function<void()> shown_changed_;
  Settings settings_;
  PoolUses pools_;
  PoolWatch watch_;
  LeaseLimit limit_;
  unsigned long refused_ = 0;
  MonotonicTime polled_{};
  MonotonicTime poll_due_ = MonotonicTime::max();
  log::RateLimit flood_{seconds(10)};
  std::unique_ptr<LeaseJournal> journal_;
  Loop::Handle poll_timer_;
  std::map<MacAddress, Loop::Handle> looks_;  ///< the next one at each that is held back
};

}  // namespace anabranch::gateway
