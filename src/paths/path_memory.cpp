// SPDX-License-Identifier: MIT
#include "paths/path_memory.hpp"

#include <algorithm>
#include <cmath>

namespace anabranch::paths {
namespace {

/// A subflow that has not told its rate for so long adds nothing.
constexpr milliseconds kShareLifetime{500};
/// Part of the way that the rate of a full path goes towards what a window has shown.
constexpr double kFollow = 0.15;
/// Two windows are even when they differ by less than this part.
constexpr double kEvenness = 0.12;
/// Two measurements are alike when they differ by less than this part.
constexpr double kAlike = 0.3;

/// Learned at all, and not too long ago.
bool fresh(MonotonicTime at, MonotonicTime now) {
  return at != MonotonicTime{} && now - at < PathBook::kLifetime;
}

}  // namespace

bool RateMeter::sample(const kernel::SubflowDiag& seen, MonotonicTime now) {
  if (!started_) {
    started_ = true;
    since_ = now;
    acknowledged_ = seen.octets_acknowledged;
    received_octets_ = seen.octets_received;
    return false;
  }
  ++samples_;
  if (seen.unsent > 0 || seen.unacknowledged + 2 >= seen.congestion_window) ++full_samples_;
  const auto window = now - since_;
  if (window < kRateWindow) return false;
  const auto sent_before = sent_;
  sent_ =
      rate_of(seen.octets_acknowledged - std::min(acknowledged_, seen.octets_acknowledged), window);
  const auto before = received_;
  received_ =
      rate_of(seen.octets_received - std::min(received_octets_, seen.octets_received), window);
  const auto even = [](BitRate now_seen, BitRate earlier) {
    return std::abs(now_seen.bits_per_second - earlier.bits_per_second) <
           kEvenness * earlier.bits_per_second;
  };
  const bool full = samples_ >= 4 && full_samples_ * 10 >= samples_ * 8;
  full_windows_ = full && even(sent_, sent_before) ? full_windows_ + 1 : 0;
  even_windows_ = even(received_, before) ? even_windows_ + 1 : 0;
  queued_ = seen.minimum_rtt > nanoseconds::zero() &&
            seen.receiver_rtt > seen.minimum_rtt + seen.minimum_rtt / 4 + milliseconds(4);
  // A window that nobody looked into (the connection was idle) tells an average over the idleness.
  const bool looked = samples_ >= 4;
  since_ = now;
  acknowledged_ = seen.octets_acknowledged;
  received_octets_ = seen.octets_received;
  samples_ = full_samples_ = 0;
  return looked;
}

void PathBook::learn(const IpAddress& path, std::uint64_t subflow, const RateMeter& meter,
                     const kernel::SubflowDiag& seen, MonotonicTime now) {
  auto& shares = shares_[path];
  shares[subflow] = {now, meter.sent(), meter.received()};
  BitRate sent;
  BitRate received;
  for (const auto& [number, share] : shares) {
    if (now - share.at > kShareLifetime) continue;
    sent.bits_per_second += share.sent.bits_per_second;
    received.bits_per_second += share.received.bits_per_second;
  }
  auto& rates = rates_[path];
  take(rates.send, sent, meter.sender_full(), now);
  take(rates.receive, received, meter.receiver_full(), now);
  auto& memory = memory_[path];
  publish(path, now);
  if (seen.minimum_rtt > nanoseconds::zero()) saw_rtt(path, seen.minimum_rtt, now);
  const bool receiving = meter.received() > meter.sent();
  const auto loaded = receiving ? seen.receiver_rtt : seen.rtt;
  if ((receiving || meter.sender_full()) && loaded > nanoseconds::zero()) {
    // Quickly up, slowly down: a queue is not always full.
    if (loaded > memory.loaded_rtt)
      memory.loaded_rtt = loaded;
    else
      memory.loaded_rtt -= (memory.loaded_rtt - loaded) / 200;
  }
}

void PathBook::take(Seen& seen, BitRate rate, bool full, MonotonicTime now) {
  if (full && !seen.full) {
    seen = {rate, true, now};
    return;
  }
  if (rate >= seen.rate) {
    // More than a full path could carry: it has grown, or a window caught a burst.
    if (seen.full)
      seen.rate.bits_per_second += (rate.bits_per_second - seen.rate.bits_per_second) / 2;
    else
      seen.rate = rate;
    seen.at = now;
  } else if (full) {
    seen.rate.bits_per_second += (rate.bits_per_second - seen.rate.bits_per_second) * kFollow;
    seen.at = now;
  }
}

void PathBook::publish(const IpAddress& path, MonotonicTime now) {
  auto& memory = memory_[path];
  memory.send_rate = quality(path, Direction::kSend, now).rate;
  memory.receive_rate = quality(path, Direction::kReceive, now).rate;
  memory.learned = now;
}

void PathBook::forget_subflow(const IpAddress& path, std::uint64_t subflow) {
  if (const auto found = shares_.find(path); found != shares_.end()) found->second.erase(subflow);
}

void PathBook::measured(const IpAddress& path, BitRate rate, nanoseconds rtt, MonotonicTime now) {
  if (rtt > nanoseconds::zero()) saw_rtt(path, rtt, now);
  if (rate.bits_per_second <= 0) return;
  auto& rates = rates_[path];
  const auto difference = std::abs(rate.bits_per_second - rates.measured.bits_per_second);
  rates.twice = difference < kAlike * rates.measured.bits_per_second;
  // Traffic beside the train makes it tell less, packets that wait for each other more.
  rates.measured = rates.twice ? std::min(rates.measured, rate) : rate;
  rates.measured_at = now;
  publish(path, now);
}

void PathBook::saw_rtt(const IpAddress& path, nanoseconds rtt, MonotonicTime now) {
  const auto [entry, first] = round_trips_.try_emplace(path, RoundTrips{now, rtt, std::nullopt});
  auto& seen = entry->second;
  if (const auto age = now - seen.since; age >= kRttWindow) {
    const bool adjacent = age < 2 * kRttWindow;
    seen = {now, rtt, adjacent ? std::optional(seen.smallest) : std::nullopt};
  }
  seen.smallest = std::min(seen.smallest, rtt);
  memory_[path].minimum_rtt = std::min(seen.smallest, seen.before.value_or(seen.smallest));
}

void PathBook::forget(const IpAddress& path) {
  memory_.erase(path);
  shares_.erase(path);
  rates_.erase(path);
  round_trips_.erase(path);
}

Quality PathBook::quality(const IpAddress& path, Direction direction, MonotonicTime now) const {
  const auto found = memory_.find(path);
  if (found == memory_.end()) return {};
  const auto& memory = found->second;
  Quality out{{}, memory.minimum_rtt, memory.loaded_rtt};
  const auto known = rates_.find(path);
  if (known == rates_.end()) return out;
  const auto& own = direction == Direction::kSend ? known->second.send : known->second.receive;
  const auto& other = direction == Direction::kSend ? known->second.receive : known->second.send;
  if (fresh(own.at, now)) out.rate = own.rate;
  out.sure = own.full && fresh(own.at, now);
  if (out.sure) return out;
  if (other.full && fresh(other.at, now)) {
    out.rate = std::max(out.rate, other.rate);
    out.sure = true;
  } else if (fresh(known->second.measured_at, now)) {
    out.rate = std::max(out.rate, known->second.measured);
    out.sure = known->second.twice;
  }
  return out;
}

bool PathBook::knows_rate(const IpAddress& path, MonotonicTime now) const {
  return quality(path, Direction::kSend, now).rate.bits_per_second > 0;
}

bool PathBook::confident(const IpAddress& path, MonotonicTime now) const {
  const auto known = rates_.find(path);
  if (known == rates_.end()) return false;
  const auto& rates = known->second;
  return (rates.twice && fresh(rates.measured_at, now)) ||
         (rates.send.full && fresh(rates.send.at, now)) ||
         (rates.receive.full && fresh(rates.receive.at, now));
}

}  // namespace anabranch::paths
