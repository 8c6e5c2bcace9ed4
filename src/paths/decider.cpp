// SPDX-License-Identifier: MIT
#include "paths/decider.hpp"

#include <algorithm>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

/// Connections read in one sampling step at most; with more, each is read less often.
constexpr std::size_t kStep = 64;

}  // namespace

Decider::Impl::Impl(Settings given)
    : settings(std::move(given)),
      announcer(settings.announce, [this](const Connection& connection, const Path& path) {
        const auto* rule = rule_for(connection, path);
        return !rule || !rule->deny;
      }) {}

Decider::Decider(Settings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Decider::~Decider() = default;
Decider::Decider(Decider&&) noexcept = default;
Decider& Decider::operator=(Decider&&) noexcept = default;

std::vector<Action> Decider::handle(const Input& input, MonotonicTime now) {
  impl_->out.clear();
  if (std::holds_alternative<input::Tick>(input)) impl_->run_timers(now);
  std::visit([&](const auto& value) { impl_->take(value, now); }, input);
  return std::move(impl_->out);
}

std::optional<MonotonicTime> Decider::next_tick() const {
  std::optional<MonotonicTime> out;
  if (!impl_->timers.empty()) out = impl_->timers.begin()->first;
  if (!impl_->plans.empty())
    out = std::min(out.value_or(MonotonicTime::max()), impl_->plans.begin()->first);
  return out;
}

const std::map<Token, Connection>& Decider::connections() const {
  return impl_->connections;
}
const std::map<IpAddress, Path>& Decider::paths() const {
  return impl_->paths;
}
const std::map<IpAddress, PathMemory>& Decider::memory() const {
  return impl_->book.all();
}
const std::map<IpAddress, Totals>& Decider::totals() const {
  return impl_->totals;
}

Decider::Watch Decider::watch(MonotonicTime now) const {
  Watch out;
  for (const auto& [when, token] : impl_->due) {
    if (when > now || out.tokens.size() >= kStep) break;
    out.tokens.push_back(token);
  }
  out.interval = impl_->due.empty()
                     ? nanoseconds::max()
                     : std::max<nanoseconds>(impl_->due.begin()->first - now, nanoseconds::zero());
  return out;
}

bool Decider::wants_counters() const {
  return impl_->announcer.wants_counters();
}

std::uint64_t Decider::Impl::act(decltype(Action::what) what, std::string reason) {
  out.push_back({next_action, std::move(reason), std::move(what)});
  return next_action++;
}

void Decider::Impl::announced(MonotonicTime now) {
  constexpr std::size_t kRemembered = 1024;
  for (auto& action : out) {
    if (action.number != 0) continue;
    action.number = next_action++;
    if (const auto* announce = std::get_if<action::Announce>(&action.what))
      announcements[action.number] = {announce->token, announce->id};
  }
  while (announcements.size() > kRemembered) announcements.erase(announcements.begin());
  const auto next = announcer.next();
  if (!next || (announcer_timer && *announcer_timer <= *next)) return;
  announcer_timer = std::max(*next, now);
  at(*announcer_timer, {Timer::Kind::kAnnouncer, {}});
}

void Decider::Impl::question(std::uint64_t id, const Pair& pair) {
  // Of those that stay unanswered nothing is heard; ids rise, so the first is the oldest.
  constexpr std::size_t kOpen = 4096;
  questions[id] = pair;
  while (questions.size() > kOpen) questions.erase(questions.begin());
}

void Decider::Impl::note(Token token, std::string code, std::string text) {
  act(action::Note{token, code, std::move(text)}, code);
}

void Decider::Impl::at(MonotonicTime when, Timer timer) {
  timers.emplace(when, timer);
}

void Decider::Impl::run_timers(MonotonicTime now) {
  // A timer may set others that are due at once; those have their turn in the next call.
  std::vector<Timer> ready;
  while (!timers.empty() && timers.begin()->first <= now) {
    ready.push_back(timers.begin()->second);
    timers.erase(timers.begin());
  }
  for (const auto& timer : ready) {
    switch (timer.kind) {
      case Timer::Kind::kAsk:
        if (const auto found = health.find(timer.pair);
            found != health.end() && found->second.ask_at && *found->second.ask_at <= now) {
          found->second.ask_at.reset();
          ask(timer.pair, now);
        }
        break;
      case Timer::Kind::kDeadline:
        deadline(timer.pair, now);
        break;
      case Timer::Kind::kAnnouncer:
        announcer_timer.reset();
        announcer.tick(connections, now, out);
        announced(now);
        break;
    }
  }
  std::vector<Token> to_plan;
  while (!plans.empty() && plans.begin()->first <= now) {
    const auto [when, token] = *plans.begin();
    plans.erase(plans.begin());
    tracks.at(token).planned.erase(when);
    to_plan.push_back(token);
  }
  // Several of one connection may be due: one plan sees all there is.
  std::ranges::sort(to_plan);
  const auto twice = std::ranges::unique(to_plan);
  to_plan.erase(twice.begin(), twice.end());
  for (const auto token : to_plan)
    if (const auto found = connections.find(token); found != connections.end())
      plan(found->second, now);
}

void Decider::Impl::take(const input::Tick&, MonotonicTime) {}

}  // namespace anabranch::paths
