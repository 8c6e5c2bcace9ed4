// SPDX-License-Identifier: MIT
// Checks every server for each of its services, on one event loop: at its own address and the
// service's port, so that it is the server that answers and not another one that the ring would
// choose. The first check of each comes at a random moment of its first second or interval, and a
// limited number is under way at a time: neither servers nor this machine see a burst.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "balancer/health.hpp"
#include "balancer/settings.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "probe/reach_prober.hpp"

namespace anabranch::balancer {

class HealthChecks {
 public:
  /// `changed` is called, never from inside, when a server has gone down or come up, and when the
  /// first check of all has its outcome.
  HealthChecks(Loop& loop, std::function<void()> changed);

  /// Checks the servers of `settings`. What was known of one stays, though it be asked otherwise
  /// from now on. One that is new to a service which others serve gets nothing until it has passed.
  /// An error when MPTCP is to be asked for and this machine has none: then nothing has changed.
  Result<void> follow(const BalancerSettings& settings);
  const HealthStates& states() const { return states_; }
  /// Every one has been checked once.
  bool settled() const;

 private:
  using Key = HealthStates::key_type;
  struct Watch {
    std::string name;  ///< of the server
    HealthCheck check;
    probe::ReachTarget target;
    MonotonicTime begun{};
    Loop::Handle timer;
  };

  void watch(const Vip& vip, const Server& server, bool trusted);
  void begin_later(const Key& key, nanoseconds delay);
  void begin(const Key& key);
  void begin_those_that_wait();
  void take(const probe::Reached& reached);
  void judge(const Key& key, const Watch& watch, const std::string& trouble);
  /// MPTCP is off for new connections of this machine: that says nothing of a server.
  bool blackholed();
  void tell();

  Loop& loop_;
  std::function<void()> changed_;
  probe::ReachProber prober_;
  std::minstd_rand random_;
  HealthStates states_;
  std::map<Key, Watch> watches_;
  std::deque<Key> waiting_;                 ///< whose time has come, and there is no room
  std::map<std::uint64_t, Key> under_way_;  ///< by the number of the question
  std::uint64_t last_question_ = 0;
  std::uint64_t without_mptcp_;  ///< connections of this machine that the kernel began without it
  bool told_of_blackhole_ = false;
  Loop::Handle telling_;
};

}  // namespace anabranch::balancer
