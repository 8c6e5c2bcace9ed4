// SPDX-License-Identifier: MIT
#include "gateway/pool_meter.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"

namespace anabranch::gateway {
namespace {

/// Kea frees what has ended every ten seconds.
constexpr seconds kReclaim{20};

bool any_in_use(const PoolUses& uses) {
  return std::ranges::any_of(uses, [](const auto& use) { return use.second.assigned != 0; });
}

}  // namespace

PoolMeter::PoolMeter(Loop& loop, Kea& kea, Family family, std::function<void()> changed)
    : loop_(loop), kea_(kea), family_(family), changed_(std::move(changed)) {}

void PoolMeter::on_state(Kea::State state) {
  if (state == Kea::State::kRunning) return ask_in(seconds(0));
  timer_.reset();
  due_ = MonotonicTime::max();
  if (state != Kea::State::kStopped) return;
  addresses_.clear();
  prefixes_.clear();
}

void PoolMeter::refresh() {
  if (MonotonicClock::now() - asked_ > seconds(1)) ask_in(seconds(0));
}

void PoolMeter::ask_in(seconds delay) {
  const auto now = MonotonicClock::now();
  const auto due = std::max(now + delay, asked_ + kAfterRefusal);
  if (due >= due_) return;
  due_ = due;
  timer_ = loop_.at(due, [this] { ask(); });
}

void PoolMeter::ask() {
  timer_.reset();
  due_ = MonotonicTime::max();
  if (kea_.state() != Kea::State::kRunning) return;
  asked_ = MonotonicClock::now();
  kea_.ask("statistic-get-all", {}, [this](const nlohmann::json* reply) {
    if (reply != nullptr) take(*reply);
  });
}

void PoolMeter::take(const nlohmann::json& reply) {
  auto addresses = parse_pool_uses(reply);
  auto prefixes = parse_prefix_uses(reply);
  drop_unknown(addresses);
  drop_unknown(prefixes);
  const auto now = MonotonicClock::now();
  say(address_watch_.update(addresses, now), family_ == Family::kIpv4
                                                 ? Words{"address", "addresses"}
                                                 : Words{"IPv6 address", "IPv6 addresses"});
  say(prefix_watch_.update(prefixes, now), {"prefix to delegate", "prefixes to delegate"});
  const bool in_use = any_in_use(addresses) || any_in_use(prefixes);
  const bool same = addresses == addresses_ && prefixes == prefixes_;
  addresses_ = std::move(addresses);
  prefixes_ = std::move(prefixes);
  if (!same) changed_();
  // What ends makes no line in Kea's log.
  if (address_watch_.any_full() || prefix_watch_.any_full())
    ask_in(kAfterLease);
  else if (in_use)
    ask_in(lease_time() + kReclaim);
}

/// Of a configuration that Kea has not taken over yet.
void PoolMeter::drop_unknown(PoolUses& uses) const {
  std::erase_if(uses, [&](const auto& use) {
    return std::ranges::find(settings_.uplinks, use.first, &Uplink::index) ==
           settings_.uplinks.end();
  });
}

void PoolMeter::say(const std::vector<PoolWatch::Event>& events, const Words& words) const {
  for (const auto& event : events) {
    if (event.full)
      log::warning("{} has no {} left: all {} of its pool are in use{}; new hosts get none",
                   path_text(event.index), words.none_left, event.use.size,
                   event.use.declined == 0
                       ? std::string()
                       : fmt::format(", {} of them by someone else", event.use.declined));
    else
      log::info("{} has {} again: {} of {} are in use", path_text(event.index), words.again,
                event.use.assigned, event.use.size);
  }
}

std::string PoolMeter::path_text(unsigned index) const {
  const auto uplink = std::ranges::find(settings_.uplinks, index, &Uplink::index);
  return fmt::format("path {} ({})", index, uplink->name);
}

seconds PoolMeter::lease_time() const {
  return family_ == Family::kIpv4 ? settings_.dhcp.lease_time : settings_.dhcp6.lease_time;
}

}  // namespace anabranch::gateway
