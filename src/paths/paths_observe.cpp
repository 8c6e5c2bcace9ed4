// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/mptcp_counters.hpp"
#include "paths/monitor.hpp"
#include "paths/paths_role.hpp"
#include "paths/report.hpp"

namespace anabranch::paths {
namespace {

constexpr milliseconds kShortestStep{2};
/// After so long others have their turn: an answer to a question that lies unread looks like none.
constexpr milliseconds kTurn{10};
constexpr seconds kMostOverdue{3};
constexpr seconds kCounterStep{1};
constexpr seconds kStateStep{2};

}  // namespace

void Role::feed(Input input) {
  inbox_.push_back(std::move(input));
  if (!feeding_) work();
}

/// Deals with what is in the inbox, and with what comes up meanwhile, for one turn.
void Role::work() {
  feeding_ = true;
  const auto until = MonotonicClock::now() + kTurn;
  while (!inbox_.empty()) {
    if (MonotonicClock::now() > until) {
      next_turn_ = loop_.after({}, [this] { work(); });
      break;
    }
    const auto input = std::move(inbox_.front());
    inbox_.pop_front();
    const auto now = MonotonicClock::now();
    const auto actions = decider_.handle(input, now);
    if (recorder_) recorder_->write(input, now, actions);
    tell(input, actions);
    for (const auto& action : actions) carry_out(action);
  }
  feeding_ = false;
  arm();
}

/// To the metrics and to those who monitor.
void Role::tell(const Input& input, const std::vector<Action>& actions) {
  counts_.note(input);
  for (const auto& action : actions) counts_.note(action);
  if (!server_->monitored()) return;
  const auto now = std::chrono::system_clock::now();
  if (const auto line = monitor_json(input, now)) server_->publish_event(*line);
  for (const auto& action : actions) server_->publish_event(monitor_json(action, now));
}

/// As long as something waits to be dealt with, silence may just be ours.
void Role::tick() {
  const auto due = decider_.next_tick();
  if (!due || (!inbox_.empty() && MonotonicClock::now() < *due + kMostOverdue)) return;
  inbox_.push_front(input::Tick{});
  work();
}

void Role::arm() {
  const auto now = MonotonicClock::now();
  if (const auto next = decider_.next_tick())
    tick_timer_ = loop_.at(std::max(*next, now), [this] { tick(); });
  else
    tick_timer_.reset();
  // What has been read and not been dealt with is not read again.
  if (const auto interval = inbox_.empty() ? decider_.watch(now).interval : nanoseconds::max();
      interval != nanoseconds::max())
    sample_timer_ =
        loop_.after(std::max<nanoseconds>(interval, kShortestStep), [this] { sample(); });
  else
    sample_timer_.reset();
  if (decider_.wants_counters() && !counter_timer_)
    counter_timer_ = loop_.after(kCounterStep, [this] { read_counters(); });
}

void Role::read_events() {
  // A burst is read as a whole, so that the kernel drops nothing, and then dealt with.
  feeding_ = true;
  const bool complete = events_->drain([this](const kernel::MptcpEvent& event) {
    feed(input::Event{event});
    if (event.type == kernel::MptcpEvent::Type::kCreated) tell_owner(event.token);
    if (event.type == kernel::MptcpEvent::Type::kClosed) sampler_->forget(event.token);
  });
  work();
  adoption_->changed();
  if (complete) return;
  ++counts_.overruns;
  log::warning("the kernel dropped events because they came too fast; reading everything again");
  read_again();
}

void Role::tell_owner(Token token) {
  const auto info = diag_->connection(token);
  if (info && *info) feed(input::Owner{token, (*info)->uid, kernel::cgroup_path((*info)->cgroup)});
}

/// What is true now, whatever was missed.
void Role::read_again() {
  if (const auto done = adopt_running(); !done) log::error("{}", done.error().text());
}

Result<void> Role::adopt_running() {
  // What this daemon knows is newer than what the last one left.
  auto remembered = std::exchange(remembered_, {});
  for (const auto& [token, connection] : decider_.connections())
    remembered.insert_or_assign(token, remember(connection));
  auto running = adopt(*diag_, *commands_, remembered);
  if (!running) return std::unexpected(running.error());
  std::set<Token> there;
  for (auto& one : *running) {
    const auto token = one.connection.token;
    const input::Owner owner{token, one.connection.uid, kernel::cgroup_path(one.connection.cgroup)};
    there.insert(token);
    feed(std::move(one));
    if (!settings_.rules.empty()) feed(owner);
  }
  std::vector<Token> gone;
  for (const auto& [token, connection] : decider_.connections())
    if (!there.contains(token)) gone.push_back(token);
  for (const auto token : gone) feed(input::Gone{token});
  return {};
}

void Role::sample() {
  const auto watch = decider_.watch(MonotonicClock::now() + kShortestStep);
  const auto done = sampler_->read(watch.tokens, decider_.connections(),
                                   [this](Input input) { inbox_.push_back(std::move(input)); });
  if (!done) {
    log::error("{}", done.error().text());
    sample_timer_ = loop_.after(seconds(1), [this] { sample(); });
    return;
  }
  work();
}

/// To whoever asks the service manager. Not with every event: to count thousands of subflows takes
/// longer than to deal with one.
void Role::tell_state() {
  service_.say(report_sentence(view_of(decider_)));
  state_timer_ = loop_.after(kStateStep, [this] { tell_state(); });
}

void Role::read_counters() {
  counter_timer_.reset();
  const auto counters = kernel::mptcp_counters();
  const auto value = [&](const char* name) {
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  };
  feed(input::Counters{value("AddAddrTx"), value("EchoAdd")});
}

}  // namespace anabranch::paths
