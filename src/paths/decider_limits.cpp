// SPDX-License-Identifier: MIT
// Where the kernel lets us set limits on single subflows, slow paths become good company that would
// otherwise hold up the fast one: the fast subflow has room for what it sends meanwhile, and the
// slow one is given smaller bursts. Limits are of addresses and hold for subflows that begin later,
// so they follow what is known of the paths, and not a single connection.
#include <algorithm>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

/// Another path must be faster by this factor to become the fast one.
constexpr double kClearlyFaster = 1.2;

bool same(const action::LimitSubflows& one, const action::LimitSubflows& other) {
  // With nothing limited it does not matter which one is fast.
  return one.slow == other.slow && (one.slow.empty() || one.fast == other.fast);
}

}  // namespace

void Decider::Impl::take(const input::Limits& input, MonotonicTime now) {
  limits = {.active = input.active,
            .send_buffer = input.send_buffer,
            .named = {},
            .slow_since = {},
            .judged = {}};
  limit_subflows(now);
}

/// The path with the best rate towards peers is fast and the others whose rates are known are slow.
/// A path that stays alone, since the others have failed, gets rid of its limit.
void Decider::Impl::limit_subflows(MonotonicTime now) {
  if (!limits.active) return;
  limits.judged = now;
  for (const auto family : {Family::kIpv4, Family::kIpv6}) {
    auto& named = limits.named[family];
    action::LimitSubflows wanted{named.fast, {}};
    std::vector<IpAddress> known;
    double best = 0;
    for (const auto& [address, path] : paths) {
      if (address.family() != family || !path.usable) continue;
      const auto memory = book.all().find(address);
      if (memory == book.all().end() || memory->second.failed) continue;
      auto rate = book.quality(address, Direction::kSend, now).rate.bits_per_second;
      if (rate <= 0) continue;
      known.push_back(address);
      if (address == named.fast) rate *= kClearlyFaster;
      if (rate <= best) continue;
      best = rate;
      wanted.fast = address;
    }
    for (const auto& address : known)
      if (address != wanted.fast) wanted.slow.push_back(address);
    if (same(wanted, named)) continue;
    for (const auto& address : named.slow)
      if (std::ranges::find(wanted.slow, address) == wanted.slow.end())
        limits.slow_since.erase(address);
    for (const auto& address : wanted.slow) limits.slow_since.try_emplace(address, now);
    named = wanted;
    act(std::move(wanted), named.slow.empty() ? "alone" : "best-path");
  }
}

/// For admit(): 0 unless this connection sends and its subflows began with the limits, or are still
/// to begin. One that is older keeps a buffer that the kernel sizes.
std::uint64_t Decider::Impl::limited_buffer(const Connection& connection, const IpAddress& fast,
                                            const IpAddress& slow) const {
  const auto named = limits.named.find(fast.family());
  const auto since = limits.slow_since.find(slow);
  if (!limits.active || named == limits.named.end() || named->second.fast != fast ||
      since == limits.slow_since.end())
    return 0;
  const auto& last = connection.last;
  if (last.octets_acknowledged < last.octets_received + kBurst) return 0;
  for (const auto& [key, subflow] : connection.subflows) {
    if (key.local.address == slow && subflow.since < since->second) return 0;
    if (key.local.address == fast && subflow.last.send_buffer != 0 &&
        subflow.last.send_buffer < limits.send_buffer)
      return 0;
  }
  return limits.send_buffer;
}

}  // namespace anabranch::paths
