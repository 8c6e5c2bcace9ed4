// SPDX-License-Identifier: MIT
// The parts of the Decider, by file; admission, path_memory, silence, stall_guard, priority_watch,
// peer_addresses and announcer are parts that know nothing of the rest.
//
//   decider.cpp           the door: inputs to their handlers, timers
//   decider_view.cpp      what is shown of subflows that are not there or do not answer
//   decider_events.cpp    what the kernel says of connections
//   decider_adoption.cpp  connections that run already
//   decider_samples.cpp   figures: rates, silences, stalls
//   decider_health.cpp    pairs of addresses that fail, are asked and come back; the first SYN
//   decider_subflows.cpp  which subflows there should be, and how to get there
//   decider_retire.cpp    how a subflow goes, how one that comes finds room
//   decider_take_back.cpp what the peer must not keep of subflows that are gone
//   decider_joins.cpp     subflows that are asked for and not answered
//   decider_priority.cpp  whether the kernel and the peer have heard what is a backup
//   decider_limits.cpp    what subflows may queue
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "paths/admission.hpp"
#include "paths/announcer.hpp"
#include "paths/decider.hpp"
#include "paths/path_memory.hpp"
#include "paths/peer_addresses.hpp"
#include "paths/priority_watch.hpp"
#include "paths/silence.hpp"
#include "paths/stall_guard.hpp"

namespace anabranch::paths {

/// Two addresses that packets go between: what can fail and come back.
struct Pair {
  IpAddress local;
  IpAddress remote;
  auto operator<=>(const Pair&) const = default;
};

/// A path that answers no questions is tried with a subflow instead, every so many of them.
inline constexpr unsigned kTryAnyway = 5;

struct PairHealth {
  enum class State : std::uint8_t {
    kFine,
    kSuspected,  ///< asked, until the deadline
    kFailed,     ///< asked again and again
  };
  State state = State::kFine;
  MonotonicTime since{};
  bool confirmed = false;                              ///< a question went unanswered too
  nanoseconds interval{};                              ///< between questions
  unsigned questions = 0;                              ///< in this state
  std::optional<MonotonicTime> ask_at = std::nullopt;  ///< the next one
  bool answers = false;       ///< the peer has answered a question at some time
  MonotonicTime met{};        ///< when it was asked whether it does
  MonotonicTime last_sign{};  ///< of life: progress of a subflow, an answer
  double caution = 1;         ///< how much longer than usual a silence may last
  MonotonicTime alarmed{};    ///< last time it was declared failed
  std::uint16_t port = 0;     ///< of the peer, for questions
  /// The subflow whose silence is being looked into.
  std::optional<std::pair<Token, SubflowKey>> suspect;
};

/// What is known of a subflow beside its public value.
struct SubflowTrack {
  std::uint64_t number = 0;  ///< of this daemon's life
  SilenceDetector silence;
  RateMeter meter;
  StallClock stall;
  bool doomed = false;         ///< to be destroyed as soon as another one is established
  std::string doom;            ///< why
  bool remove = false;         ///< with REMOVE_ADDR
  MonotonicTime progressed{};  ///< octets in either direction
  std::optional<MonotonicTime> quiet_since;  ///< steady reception stopped, the path answers
  std::optional<MonotonicTime> flag_asked;   ///< a change of the backup flag to be verified
  unsigned flag_attempts = 0;
  PriorityWatch priority;  ///< whether the peer has heard of it
  MonotonicTime heard{};   ///< data, in order or not
  std::uint32_t segments = 0;
  std::uint64_t counted_sent = 0;
  std::uint64_t counted_received = 0;
  std::uint32_t counted_retransmissions = 0;
};

/// A subflow that was asked for and has not been heard of.
struct Pending {
  IpAddress local;
  Endpoint remote;
  bool backup = false;
  std::string reason;
  std::string rule;
  MonotonicTime asked{};
  std::uint64_t action = 0;
  std::uint8_t id = 0;  ///< of the local address
};

/// When a pair may be tried again in a connection.
struct Retry {
  MonotonicTime not_before{};
  nanoseconds wait{};
  std::string code = {};
  std::string detail = {};
  std::optional<MonotonicTime> worked = {};  ///< when it last lost an established subflow
};

/// An id of ours that the peer was told is gone. Nothing tells whether it has heard.
struct TakenBack {
  static constexpr MonotonicTime kNever = MonotonicTime::max();
  std::uint8_t id = 0;
  MonotonicTime due{};  ///< to be told again
  unsigned times = 0;   ///< that it was told again
};

struct Track {
  std::map<SubflowKey, SubflowTrack> subflows;
  std::vector<Pending> pending;
  std::map<Pair, unsigned> unanswered;  ///< joins in a row
  std::vector<TakenBack> taken_back;    ///< the last ones, oldest first
  MonotonicTime reminded{};             ///< last time that all of them were due
  std::map<Pair, Retry> retries;
  std::map<IpAddress, MonotonicTime> settled;  ///< no change of active or backup before
  std::map<IpAddress, nanoseconds> settling;   ///< how long the next one rests
  std::set<MonotonicTime> planned;             ///< its times in Impl::plans
  MonotonicTime sample_due{};
  MonotonicTime busy_until{};
  bool counted_busy = false;
  MonotonicTime assessed{};
  MonotonicTime disturbed{};  ///< a subflow failed or came
  std::uint64_t seen_octets = 0;
  MonotonicTime received_on{};  ///< last time the data in order grew
  MonotonicTime acknowledged_on{};
  /// Active subflows that hold back while a better one finds its rate.
  std::vector<SubflowKey> holding_back;
  MonotonicTime hold_until{};
};

/// Measurements of a path.
struct Trains {
  MonotonicTime since{};    ///< the last one
  MonotonicTime traffic{};  ///< of anybody else
  unsigned trains = 0;
  bool running = false;
};

struct Timer {
  enum class Kind : std::uint8_t { kAsk, kDeadline, kAnnouncer };
  Kind kind{};
  Pair pair{};
};

/// What new subflows may queue, and what follows for the company they keep.
struct LimitPlan {
  bool active = false;
  std::uint32_t send_buffer = 0;  ///< of a fast subflow
  std::map<Family, action::LimitSubflows> named;
  std::map<IpAddress, MonotonicTime> slow_since;
  MonotonicTime judged{};  ///< last time, for what single subflows show
};

enum class Wish : std::uint8_t { kActive, kBackup, kWait, kNone };

struct Assessment {
  Wish wish = Wish::kNone;
  const char* code = "";
  std::string rule;
};

struct Decider::Impl {
  explicit Impl(Settings given);

  Settings settings;
  std::vector<Action> out;
  std::uint64_t next_action = 1;
  std::uint64_t next_question = 1;
  std::uint64_t next_subflow = 1;
  std::map<Token, Connection> connections;
  std::map<Token, Track> tracks;
  std::map<IpAddress, Path> paths;
  std::map<IpAddress, IpAddress>
      routers;  ///< the last one of each path, also of those that are gone
  PathBook book;
  std::map<IpAddress, Totals> totals;
  std::map<Pair, PairHealth> health;
  std::map<std::uint64_t, Pair> questions;
  std::map<std::uint64_t, Pair> measurements;
  std::map<IpAddress, Trains> measuring;
  std::map<std::pair<IpAddress, IpAddress>, std::pair<MonotonicTime, nanoseconds>> vetoes;
  std::multimap<MonotonicTime, Timer> timers;
  /// Which connection is to be planned when. Each plan asks for the next one as long as there is
  /// something to wait for: one that is asked for must not live on beside those it asks for itself.
  std::set<std::pair<MonotonicTime, Token>> plans;
  std::set<std::pair<MonotonicTime, Token>> due;  ///< samples
  std::map<Family, std::optional<IpAddress>> preferred;
  unsigned busy = 0;
  MonotonicTime tidied{};
  LimitPlan limits;
  Announcer announcer;
  std::optional<MonotonicTime> announcer_timer;
  /// The last ones, by action, should the kernel refuse them.
  std::map<std::uint64_t, std::pair<Token, std::uint8_t>> announcements;
  std::map<std::uint64_t, Token> joins;

  // decider.cpp
  std::uint64_t act(decltype(Action::what) what, std::string reason);
  /// Numbers what the announcer has appended, and sets its timer.
  void announced(MonotonicTime now);
  void question(std::uint64_t id, const Pair& pair);
  void note(Token token, std::string code, std::string text);
  void at(MonotonicTime when, Timer timer);
  void run_timers(MonotonicTime now);

  // One for each input: decider_events.cpp, but Adopted (_adoption), Sample (_samples), Probed
  // (_health), Measured (_subflows) and Tick (decider.cpp).
  void take(const input::Paths& input, MonotonicTime now);
  void take(const input::Event& input, MonotonicTime now);
  void take(const input::Owner& input, MonotonicTime now);
  void take(const input::Sample& input, MonotonicTime now);
  void take(const input::Adopted& input, MonotonicTime now);
  void take(const input::Gone& input, MonotonicTime now);
  void take(const input::Probed& input, MonotonicTime now);
  void take(const input::Measured& input, MonotonicTime now);
  void take(const input::Failed& input, MonotonicTime now);
  void take(const input::Listening& input, MonotonicTime now);
  void take(const input::Counters& input, MonotonicTime now);
  void take(const input::Tick& input, MonotonicTime now);

  // decider_events.cpp
  void owned(Connection& connection, std::optional<std::uint32_t> uid, MonotonicTime now);
  void established(Connection& connection, MonotonicTime now);
  void subflow_established(Connection& connection, const kernel::MptcpEvent& event,
                           MonotonicTime now);
  void subflow_closed(Connection& connection, const kernel::MptcpEvent& event, MonotonicTime now);
  void close(Token token, MonotonicTime now);
  void tidy(MonotonicTime now);
  void drop_subflow(Connection& connection, const SubflowKey& key);
  void leave_to_kernel(Token token, MonotonicTime now);
  void refused(Token token, const input::Failed& input, MonotonicTime now);
  void lost(Connection& connection, const Pair& pair, std::string code, nanoseconds lived,
            MonotonicTime now, std::string detail = {});

  // decider_samples.cpp
  void look(Connection& connection, Subflow& subflow, MonotonicTime now);
  bool misses_something(const Connection& connection, const SubflowKey& key, MonotonicTime now);
  bool another_receives(const Connection& connection, const SubflowKey& key, MonotonicTime now);
  nanoseconds forbid(const IpAddress& fast, const SubflowKey& slow, MonotonicTime now);
  void guard(Connection& connection, MonotonicTime now);
  void schedule_sample(Connection& connection, bool busy_now, MonotonicTime now);

  // decider_health.cpp
  PairHealth& pair_of(const Subflow& subflow);
  bool failed(const Pair& pair) const;
  void sign_of_life(const Pair& pair, MonotonicTime now);
  bool doubt(const Connection& connection, const Subflow& subflow, MonotonicTime now);
  void suspect(Connection& connection, Subflow& subflow, MonotonicTime now);
  void declare_failed(const Pair& pair, bool confirmed, MonotonicTime now);
  void sweep(const Pair& pair, MonotonicTime now);
  void revive(const Pair& pair, MonotonicTime now);
  void get_to_know(const Subflow& subflow, MonotonicTime now);
  void ask(const Pair& pair, MonotonicTime now);
  void ask_at(const Pair& pair, MonotonicTime when);
  void deadline(const Pair& pair, MonotonicTime now);
  double caution(const Pair& pair, MonotonicTime now);
  void judge_path(const IpAddress& local, MonotonicTime now);
  void prefer(MonotonicTime now);

  // decider_subflows.cpp
  const Endpoint* remote_of(const Connection& connection, Family family) const;
  bool concerns(const Connection& connection, const Path& path) const;
  bool other_family_is_there(const Connection& connection, const Path& path) const;
  void plan_later(Token token, nanoseconds delay, MonotonicTime now);
  void plan(Connection& connection, MonotonicTime now);
  void measure_unknown(Connection& connection, MonotonicTime now);
  std::map<IpAddress, Assessment> assess(const Connection& connection, MonotonicTime now) const;
  Quality quality(const Connection& connection, const IpAddress& local, MonotonicTime now) const;
  void settle(Connection& connection, const std::map<IpAddress, Assessment>& wishes,
              MonotonicTime now);
  void create(Connection& connection, const Path& path, const Endpoint& remote,
              const Assessment& wish, MonotonicTime now);
  const PathRule* rule_for(const Connection& connection, const Path& path) const;

  // decider_retire.cpp
  /// Destroys the subflow now, or as soon as there is another one to take over.
  void retire(Connection& connection, const SubflowKey& key, bool remove, const std::string& why,
              MonotonicTime now);
  void make_room(Connection& connection, const Subflow& fresh, MonotonicTime now);
  void end_holding_back(Connection& connection, MonotonicTime now);
  bool others_alive(const Connection& connection, const SubflowKey& key, MonotonicTime now) const;
  bool proven(const Subflow& subflow, MonotonicTime now) const;
  bool reliable(const Connection& connection, const Subflow& subflow, MonotonicTime now) const;
  void finish_doomed(Connection& connection, MonotonicTime now);

  // decider_take_back.cpp
  void take_back(Connection& connection, std::uint8_t id, const std::string& why,
                 MonotonicTime now);
  void left_behind(Connection& connection, const Subflow& gone, MonotonicTime now);
  void tell_again(Connection& connection, MonotonicTime now);
  void remind(Connection& connection, MonotonicTime now);
  std::optional<Endpoint> stand_in(const Connection& connection, const Subflow& by) const;

  // decider_joins.cpp
  using Unanswered = std::function<bool(const Pending&)>;
  void abandon_joins(Connection& connection, const Unanswered& which, const std::string& why);
  void expire_joins(Connection& connection, MonotonicTime now);
  nanoseconds join_patience(const Track& track, const Pair& pair) const;
  void doubt(const Pending& join, MonotonicTime now);

  // decider_priority.cpp
  /// Asks the kernel again for a change of the backup flag that it has not made.
  void verify_flags(Connection& connection, MonotonicTime now);
  /// Sends MP_PRIO again where the peer acts as if it had not heard of it, and asks the path.
  void tell_priority_again(Connection& connection, MonotonicTime now);
  PriorityWatch::Conduct conduct(const Connection& connection, const Subflow& subflow,
                                 MonotonicTime now) const;

  // decider_limits.cpp
  void take(const input::Limits& input, MonotonicTime now);
  void limit_subflows(MonotonicTime now);
  std::uint64_t limited_buffer(const Connection& connection, const IpAddress& fast,
                               const IpAddress& slow) const;
};

}  // namespace anabranch::paths
