// SPDX-License-Identifier: MIT
// Watches what our Kea gives away: which hardware addresses take more than their share, and when
// there is reason to look how full the pools are. Driven by Kea's file of leases, or by its log
// where they are in a database; asks Kea only about who is held back.
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
#include "gateway/pool_meter.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

class LeaseWatch {
 public:
  /// `held_back_changed` is called when held_back() has changed, and with it Kea's configuration.
  LeaseWatch(Loop& loop, Kea& kea, PoolMeter& pools, std::function<void()> held_back_changed);

  /// From now on these settings hold. `limited` is false where Kea cannot tell and take back
  /// leases of a hardware address.
  void use(const Settings& settings, bool limited);
  void on_line(const KeaLine& line);
  void on_state(Kea::State state);

  const std::set<MacAddress>& held_back() const { return limit_.held_back(); }
  /// Times that a client got no address since the start, for want of one.
  unsigned long refused() const { return refused_; }

 private:
  void follow();
  void given(const GivenLease& lease);
  void look_at(MacAddress mac);
  void judge(const MacAddress& mac, const nlohmann::json& reply);

  Loop& loop_;
  Kea& kea_;
  PoolMeter& pools_;
  std::function<void()> held_back_changed_;
  Settings settings_;
  LeaseLimit limit_;
  unsigned long refused_ = 0;
  log::RateLimit flood_{seconds(10)};
  std::unique_ptr<LeaseJournal> journal_;
  std::map<MacAddress, Loop::Handle> looks_;  ///< the next one at each that is held back
};

}  // namespace anabranch::gateway
