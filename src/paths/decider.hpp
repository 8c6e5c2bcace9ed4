// SPDX-License-Identifier: MIT
// The path manager's mind: inputs with their times go in, actions come out. No I/O, no clock, no
// chance: the same inputs give the same actions, which is what `paths replay` shows.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "paths/action.hpp"
#include "paths/input.hpp"
#include "paths/model.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

/// What is remembered of a path's quality, shared by all connections, with its age.
struct PathMemory {
  BitRate send_rate{};        ///< towards peers, as path_memory.hpp has it; zero: unknown
  BitRate receive_rate{};     ///< from peers
  nanoseconds minimum_rtt{};  ///< zero: unknown
  nanoseconds loaded_rtt{};   ///< while data flowed: up at once, down slowly
  MonotonicTime learned{};
  bool failed = false;  ///< silent; probed until it answers
  MonotonicTime failed_since{};
};

/// Totals that never fall, also when subflows close.
struct Totals {
  std::uint64_t octets_sent = 0;
  std::uint64_t octets_received = 0;
  std::uint64_t retransmissions = 0;
  std::uint64_t subflows_opened = 0;
  std::uint64_t subflows_lost = 0;  ///< closed otherwise than by us
  std::uint64_t failovers = 0;
  std::uint64_t returns = 0;
};

/// A subflow that there could be and that is not tried now.
struct Waiting {
  IpAddress local;
  Endpoint remote;
  std::string code;  ///< why, stable; "connecting": it is asked for and not heard of yet
  std::optional<MonotonicTime> until;  ///< nothing: until its path answers
  std::string detail = {};             ///< in words, where there is more to say
};

class Decider {
 public:
  explicit Decider(Settings settings);
  ~Decider();
  Decider(Decider&&) noexcept;
  Decider& operator=(Decider&&) noexcept;

  /// Takes one input; the actions are numbered on from the last decision's. `now` never runs
  /// backwards. Timers that are due have their turn with a Tick, which is to come when all that was
  /// to be heard until then has been told: what they do is mostly because of a silence.
  std::vector<Action> handle(const Input& input, MonotonicTime now);
  /// When to send a Tick at the latest; nothing when there is nothing to wait for.
  std::optional<MonotonicTime> next_tick() const;

  const std::map<Token, Connection>& connections() const;
  const std::map<IpAddress, Path>& paths() const;
  const std::map<IpAddress, PathMemory>& memory() const;
  const std::map<IpAddress, Totals>& totals() const;  ///< by local address
  std::vector<Waiting> waiting(Token token) const;
  /// Its pair of addresses is suspected to have failed, or has.
  bool silent(const SubflowKey& key) const;
  /// The path of new connections that choose no source address; nothing: as the routes say.
  std::optional<IpAddress> preferred(Family family) const;
  /// Connections whose figures should be read in the next sampling step, and how long until it.
  struct Watch {
    std::vector<Token> tokens;
    nanoseconds interval{};
  };
  Watch watch(MonotonicTime now) const;
  /// input::Counters is waited for, about once a second.
  bool wants_counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::paths
