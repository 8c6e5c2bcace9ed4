// SPDX-License-Identifier: MIT
#include "proxy/converter_pool.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::chrono::minutes kSynDataPause{10};
/// What an Error 64 with no time in it means (RFC 8803 section 6.2.8).
constexpr std::chrono::seconds kLeastPause{30};

}  // namespace

ConverterPool::ConverterPool(std::vector<ConverterEntry> entries, milliseconds retry)
    : retry_(retry) {
  for (auto& entry : entries) known_.push_back({std::move(entry)});
}

ConverterPool::Known* ConverterPool::find(const Endpoint& converter) {
  const auto found = std::ranges::find_if(
      known_, [&](const Known& one) { return one.entry.endpoint == converter; });
  return found == known_.end() ? nullptr : &*found;
}

ConverterPool::Choice ConverterPool::choice_of(const Known& one, Time now) {
  return {one.entry.endpoint, one.cookie, now >= one.syn_data_off_until, one.mptcp};
}

std::optional<ConverterPool::Choice> ConverterPool::choose(std::uint32_t draw, Time now) const {
  const std::lock_guard lock(mutex_);
  const auto usable = [&](const Known& one) { return one.reachable && now >= one.paused_until; };
  std::uint64_t sum = 0;
  for (const auto& one : known_)
    if (usable(one)) sum += one.entry.weight;
  if (sum == 0) {
    const auto spare = std::ranges::find_if(known_, usable);
    if (spare == known_.end()) return std::nullopt;
    return choice_of(*spare, now);
  }
  std::uint64_t left = (static_cast<std::uint64_t>(draw) * sum) >> 32;
  for (const auto& one : known_) {
    if (!usable(one)) continue;
    if (left < one.entry.weight) return choice_of(one, now);
    left -= one.entry.weight;
  }
  return std::nullopt;
}

void ConverterPool::reached(const Endpoint& converter) {
  const std::lock_guard lock(mutex_);
  auto* found = find(converter);
  if (found == nullptr) return;
  auto& one = *found;
  if (one.reachable) return;
  one.reachable = true;
  one.why.clear();
  log::info("converter {} ({}) is reachable again", one.entry.name, one.entry.endpoint.text());
}

void ConverterPool::unreachable(const Endpoint& converter, std::string why, Time now) {
  const std::lock_guard lock(mutex_);
  auto* found = find(converter);
  if (found == nullptr) return;
  auto& one = *found;
  if (!one.reachable) return;
  one.reachable = false;
  one.why = std::move(why);
  one.ask_at = now;
  ++one.times_unreachable;
  log::warning("converter {} ({}) is left out: {}", one.entry.name, one.entry.endpoint.text(),
               one.why);
}

void ConverterPool::pause(const Endpoint& converter, std::chrono::seconds wait, Time now) {
  const std::lock_guard lock(mutex_);
  if (auto* one = find(converter))
    one->paused_until = now + (wait.count() == 0 ? kLeastPause : wait);
}

void ConverterPool::syn_data_lost(const Endpoint& converter, Time now) {
  const std::lock_guard lock(mutex_);
  auto* found = find(converter);
  if (found == nullptr) return;
  auto& one = *found;
  if (now >= one.syn_data_off_until)
    log::info("data in SYNs does not reach converter {} ({}): none for 10 minutes", one.entry.name,
              one.entry.endpoint.text());
  one.syn_data_off_until = now + kSynDataPause;
}

void ConverterPool::without_mptcp(const Endpoint& converter) {
  const std::lock_guard lock(mutex_);
  if (auto* one = find(converter)) one->mptcp = false;
}

void ConverterPool::set_cookie(const Endpoint& converter, signalling::Octets cookie) {
  const std::lock_guard lock(mutex_);
  if (auto* one = find(converter)) one->cookie = std::move(cookie);
}

std::vector<ConverterPool::Choice> ConverterPool::due(Time now) {
  const std::lock_guard lock(mutex_);
  std::vector<Choice> out;
  for (auto& one : known_) {
    if (one.reachable || now < one.ask_at) continue;
    one.ask_at = now + retry_;
    out.push_back(choice_of(one, now));
  }
  return out;
}

void ConverterPool::set(std::vector<ConverterEntry> entries, milliseconds retry) {
  const std::lock_guard lock(mutex_);
  std::vector<Known> fresh;
  for (auto& entry : entries) {
    const auto same = [&](const Known& one) { return one.entry.endpoint == entry.endpoint; };
    const auto found = std::ranges::find_if(known_, same);
    fresh.push_back(found == known_.end() ? Known{} : *found);
    fresh.back().entry = std::move(entry);
  }
  known_ = std::move(fresh);
  retry_ = retry;
}

std::vector<ConverterPool::View> ConverterPool::view(Time now) const {
  const std::lock_guard lock(mutex_);
  std::vector<View> out;
  for (const auto& one : known_)
    out.push_back({one.entry, one.reachable && now >= one.paused_until,
                   one.reachable && now < one.paused_until ? "asked for a pause" : one.why,
                   now >= one.syn_data_off_until, !one.cookie.empty(), one.times_unreachable});
  return out;
}

}  // namespace anabranch::proxy
