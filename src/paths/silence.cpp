// SPDX-License-Identifier: MIT
#include "paths/silence.hpp"

#include <algorithm>

#include "paths/scaled.hpp"

namespace anabranch::paths {
namespace {

/// The kernel counts these pauses in ticks of up to 4 ms, samples come every 8 ms.
constexpr milliseconds kGrain{10};
constexpr milliseconds kShortest{24};
/// Longest delayed ACK of common stacks, and then some.
constexpr milliseconds kDelayedAck{250};
constexpr milliseconds kGraceOfMany{60};
constexpr std::uint32_t kMany = 8;
/// A sample that came so late says nothing: it was this machine that stood still.
constexpr milliseconds kLate{60};
/// Pauses fade by this factor with each sample of progress.
constexpr double kForget = 0.99;
/// How much longer than the longest pause of late is out of character. Less for a receiver, who
/// mostly only asks the path then.
constexpr double kOddSending = 1.6;
constexpr double kOddReceiving = 1.2;
constexpr milliseconds kShortestReceiving{13};
constexpr milliseconds kLongestReceiving{90};

}  // namespace

void SilenceDetector::Rhythm::progress(MonotonicTime now, nanoseconds pause) {
  longest = std::max(pause, scaled(longest, kForget));
  if (beats < 1000) ++beats;
  last = now;
}

void SilenceDetector::Rhythm::rest(MonotonicTime now) {
  last = now;
  beats = 0;
}

SilenceDetector::Finding SilenceDetector::sample(const kernel::SubflowDiag& seen, MonotonicTime now,
                                                 double caution) {
  const bool late = !first_ && now - previous_ > kLate;
  const bool acked = seen.octets_acknowledged != acknowledged_;
  const bool got = seen.data_segments_received != received_;
  acknowledged_ = seen.octets_acknowledged;
  received_ = seen.data_segments_received;
  previous_ = now;
  if (first_) {
    first_ = false;
    acks_.rest(now);
    data_.rest(now);
    return Finding::kNothing;
  }
  if (late) {
    // Pauses while we did not look are nobody's fault.
    acks_.last = std::max(acks_.last, now - kGrain);
    data_.last = std::max(data_.last, now - kGrain);
  }

  // Any ACK shows that the path lives, also one that acknowledges nothing new.
  if (seen.unacknowledged == 0)
    acks_.rest(now);
  else if (const auto heard = now - seen.since_ack; acked || heard > acks_.last + kGrain)
    acks_.progress(std::max(acks_.last, heard), std::max<nanoseconds>(heard - acks_.last, {}));
  // The kernel's time of the last data counts data in order only.
  if (got) data_.progress(now, now - data_.last);
  if (acked || got) silent_ = false;

  if (seen.unacknowledged > 0) {
    silence_ = now - acks_.last;
    const auto round_trip = seen.rtt + 4 * seen.rtt_variance;
    // Many segments are not left waiting for a delayed ACK.
    const auto delayed =
        seen.unacknowledged >= kMany ? nanoseconds(kGraceOfMany) : nanoseconds(kDelayedAck);
    auto patience = std::max<nanoseconds>(2 * seen.rtt, round_trip) + delayed;
    if (acks_.settled())
      patience = std::min(
          patience, std::max<nanoseconds>(scaled(acks_.longest, kOddSending) + kGrain, kShortest));
    if (silence_ > scaled(patience, caution)) {
      silent_ = true;
      return Finding::kSending;
    }
  }
  if (data_.steady()) {
    const auto silence = now - data_.last;
    const auto patience = std::clamp<nanoseconds>(scaled(data_.longest, kOddReceiving),
                                                  kShortestReceiving, kLongestReceiving);
    // Once said; the supply may simply have ended.
    if (silence > patience) {
      silence_ = silence;
      was_settled_ = data_.settled();
      data_.rest(data_.last);
      silent_ = true;
      return Finding::kReceiving;
    }
  }
  return Finding::kNothing;
}

}  // namespace anabranch::paths
