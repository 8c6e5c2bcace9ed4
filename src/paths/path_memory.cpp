// SPDX-License-Identifier: MIT
#include "paths/path_memory.hpp"

#include <algorithm>
#include <cmath>

namespace anabranch::paths {
namespace {

/// A subflow that has not told its rate for so long adds nothing.
constexpr milliseconds kShareLifetime{500};
/// Time in which a rate that is too high falls to a third, once the path is known to be full.
constexpr double kFallSending = 2.0;
/// A receiver does not see whether the sender has more to send: it believes in less only slowly.
constexpr double kFallReceiving = 20.0;

void approach(BitRate& rate, BitRate seen, double window_seconds, double constant_seconds) {
  const double part = 1 - std::exp(-window_seconds / constant_seconds);
  rate.bits_per_second += (seen.bits_per_second - rate.bits_per_second) * part;
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
  sent_ =
      rate_of(seen.octets_acknowledged - std::min(acknowledged_, seen.octets_acknowledged), window);
  received_ =
      rate_of(seen.octets_received - std::min(received_octets_, seen.octets_received), window);
  sender_full_ = samples_ >= 4 && full_samples_ * 10 >= samples_ * 8;
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
  auto& memory = memory_[path];
  const double window = std::chrono::duration<double>(RateMeter::kRateWindow).count();
  if (sent >= memory.send_rate)
    memory.send_rate = sent;
  else if (meter.sender_full())
    approach(memory.send_rate, sent, window, kFallSending);
  if (received >= memory.receive_rate)
    memory.receive_rate = received;
  else if (received.bits_per_second > memory.receive_rate.bits_per_second / 3)
    approach(memory.receive_rate, received, window, kFallReceiving);
  if (meter.sender_full()) confident_[path] = now;
  if (sent.bits_per_second > 0 || received.bits_per_second > 0) memory.learned = now;

  if (seen.minimum_rtt > nanoseconds::zero()) saw_rtt(path, seen.minimum_rtt, now);
  const bool receiving = meter.received() > meter.sent();
  const auto loaded = receiving ? seen.receiver_rtt : seen.rtt;
  if ((receiving || meter.sender_full()) && loaded > nanoseconds::zero()) {
    // Quickly up, slowly down: a queue is not always full.
    if (loaded > memory.loaded_rtt)
      memory.loaded_rtt = loaded;
    else
      memory.loaded_rtt -= (memory.loaded_rtt - loaded) / 20;
  }
}

void PathBook::forget_subflow(const IpAddress& path, std::uint64_t subflow) {
  if (const auto found = shares_.find(path); found != shares_.end()) found->second.erase(subflow);
}

void PathBook::measured(const IpAddress& path, BitRate rate, nanoseconds rtt, MonotonicTime now) {
  if (rtt > nanoseconds::zero()) saw_rtt(path, rtt, now);
  if (rate.bits_per_second <= 0) return;
  auto& memory = memory_[path];
  memory.send_rate = std::max(memory.send_rate, rate);
  memory.learned = now;
  confident_[path] = now;
}

void PathBook::saw_rtt(const IpAddress& path, nanoseconds rtt, MonotonicTime) {
  auto& known = memory_[path].minimum_rtt;
  if (known == nanoseconds::zero() || rtt < known) known = rtt;
}

void PathBook::forget(const IpAddress& path) {
  memory_.erase(path);
  shares_.erase(path);
  confident_.erase(path);
}

Quality PathBook::quality(const IpAddress& path, Direction direction, MonotonicTime now) const {
  const auto found = memory_.find(path);
  if (found == memory_.end()) return {};
  const auto& memory = found->second;
  const bool fresh = memory.learned != MonotonicTime{} && now - memory.learned < kLifetime;
  auto rate = direction == Direction::kSend ? memory.send_rate : memory.receive_rate;
  const auto other = direction == Direction::kSend ? memory.receive_rate : memory.send_rate;
  // Traffic that was mostly acknowledgements says nothing of what the path could carry.
  if (rate.bits_per_second < other.bits_per_second / 20) rate = other;
  return {fresh ? rate : BitRate{}, memory.minimum_rtt, memory.loaded_rtt};
}

bool PathBook::knows_rate(const IpAddress& path, MonotonicTime now) const {
  return quality(path, Direction::kSend, now).rate.bits_per_second > 0;
}

bool PathBook::confident(const IpAddress& path, MonotonicTime now) const {
  const auto found = confident_.find(path);
  return found != confident_.end() && now - found->second < kLifetime;
}

}  // namespace anabranch::paths
