// SPDX-License-Identifier: MIT
#include "balancer/health_checks.hpp"

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "kernel/mptcp_counters.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::balancer {
namespace {

/// Each has a descriptor; the usual limit is 1024 of them.
constexpr std::size_t kMostUnderWay = 512;
/// First checks are spread over this, or over their interval where that is shorter.
constexpr nanoseconds kFirstChecks = seconds(1);
/// Servers that fall together are told of together.
constexpr milliseconds kTogether{100};

probe::ReachTarget target_of(const Vip& vip, const Server& server) {
  using Kind = probe::ReachTarget::Kind;
  constexpr std::array kKinds{Kind::kAccept, Kind::kAccept, Kind::kHttp, Kind::kMptcp};
  const auto& check = vip.health;
  return {.kind = kKinds.at(static_cast<std::size_t>(check.kind)),
          .address = *server.addresses.at(family_index(vip.address.address.family())),
          .port = check.port != 0 ? check.port : vip.address.port,
          .path = check.path,
          .host = vip.address.text(),
          .status = check.status};
}

std::uint64_t begun_without_mptcp() {
  const auto counters = kernel::mptcp_counters();
  const auto found = counters.find("MPCapableSYNTXDisabled");
  return found == counters.end() ? 0 : found->second;
}

}  // namespace

HealthChecks::HealthChecks(Loop& loop, std::function<void()> changed)
    : loop_(loop),
      changed_(std::move(changed)),
      prober_(loop, [this](const probe::Reached& reached) { take(reached); }),
      random_(std::random_device()()),
      without_mptcp_(begun_without_mptcp()) {}

Result<void> HealthChecks::follow(const BalancerSettings& settings) {
  const auto by_mptcp = [](const Vip& vip) { return vip.health.kind == CheckKind::kMptcp; };
  if (std::ranges::any_of(settings.vips, by_mptcp) && !kernel::mptcp_available())
    return fail("there are checks by MPTCP, and this machine has none", {},
                "net.mptcp.enabled=1, or another check", ExitCode::kNotPermitted);
  std::map<Key, Watch> former;
  former.swap(watches_);
  under_way_.clear();
  waiting_.clear();
  HealthStates known;
  known.swap(states_);
  for (const auto& vip : settings.vips) {
    if (vip.health.kind == CheckKind::kNone) continue;
    const bool served = std::ranges::any_of(known, [&](const auto& state) {
      return state.first.first == vip.address && state.second.up();
    });
    for (const auto id : vip.servers) {
      const Key key{vip.address, id};
      if (const auto state = known.find(key); state != known.end()) states_.insert(*state);
      watch(vip, *std::ranges::find(settings.servers, id, &Server::id), !served);
    }
  }
  return {};
}

void HealthChecks::watch(const Vip& vip, const Server& server, bool trusted) {
  const Key key{vip.address, server.id};
  states_.try_emplace(key, MonotonicClock::now(), trusted);
  auto& fresh = watches_[key];
  fresh.name = server.name;
  fresh.check = vip.health;
  fresh.target = target_of(vip, server);
  const auto spread = std::min(kFirstChecks, fresh.check.interval);
  begin_later(key,
              nanoseconds(std::uniform_int_distribution<std::int64_t>(0, spread.count())(random_)));
}

bool HealthChecks::settled() const {
  return std::ranges::none_of(states_, [](const auto& state) {
    return state.second.verdict() == Health::Verdict::kUnknown;
  });
}

void HealthChecks::begin_later(const Key& key, nanoseconds delay) {
  watches_.at(key).timer = loop_.after(delay, [this, key] {
    waiting_.push_back(key);
    begin_those_that_wait();
  });
}

void HealthChecks::begin_those_that_wait() {
  while (!waiting_.empty() && under_way_.size() < kMostUnderWay) {
    const auto key = waiting_.front();
    waiting_.pop_front();
    begin(key);
  }
}

void HealthChecks::begin(const Key& key) {
  auto& watch = watches_.at(key);
  watch.begun = MonotonicClock::now();
  const auto question = ++last_question_;
  under_way_.emplace(question, key);
  prober_.ask(question, watch.target, {}, watch.check.timeout);
}

void HealthChecks::take(const probe::Reached& reached) {
  const auto question = under_way_.find(reached.id);
  // Of settings that are not ours any more.
  if (question == under_way_.end()) return;
  const auto key = question->second;
  under_way_.erase(question);
  auto& watch = watches_.at(key);
  if (!reached.fell_back || !blackholed()) {
    const auto silent = "no answer within " + duration_text(watch.check.timeout);
    judge(key, watch, reached.answered ? "" : reached.why.empty() ? silent : reached.why);
  }
  const auto passed = MonotonicClock::now() - watch.begun;
  begin_later(key, std::max<nanoseconds>(watch.check.interval - passed, nanoseconds(0)));
  begin_those_that_wait();
}

void HealthChecks::judge(const Key& key, const Watch& watch, const std::string& trouble) {
  auto& state = states_.at(key);
  const bool first = state.verdict() == Health::Verdict::kUnknown;
  const bool changed = state.take(watch.check, trouble, MonotonicClock::now());
  if (changed && state.up())
    log::info("{} is up for {}", watch.name, key.first.text());
  else if (changed)
    log::warning("{} is down for {}: {}; it keeps its connections and gets no new ones", watch.name,
                 key.first.text(), trouble);
  if (changed || (first && settled())) tell();
}

bool HealthChecks::blackholed() {
  const auto count = begun_without_mptcp();
  const bool more = count > without_mptcp_;
  without_mptcp_ = count;
  if (more && !told_of_blackhole_)
    log::warning(
        "the kernel keeps MPTCP off for new connections of this machine (blackhole detection): "
        "checks by MPTCP say nothing meanwhile\n  hint: sysctl -w net.mptcp.blackhole_timeout=0");
  told_of_blackhole_ = more;
  return more;
}

void HealthChecks::tell() {
  if (telling_) return;
  telling_ = loop_.after(kTogether, [this] {
    telling_.reset();
    changed_();
  });
}

}  // namespace anabranch::balancer
