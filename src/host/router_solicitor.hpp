// SPDX-License-Identifier: MIT
// When a host asks for Router Advertisements (RFC 4861 section 6.3.7). Pure.
#pragma once

#include <cstdint>
#include <functional>

#include "base/units.hpp"

namespace anabranch::host {

class RouterSolicitor {
 public:
  static constexpr unsigned kSolicitations = 3;  ///< MAX_RTR_SOLICITATIONS
  static constexpr seconds kInterval{4};         ///< RTR_SOLICITATION_INTERVAL
  static constexpr milliseconds kLongestDelay{1000};

  /// The program starts. Nothing makes many hosts do that at one moment: asks at once.
  void start(MonotonicTime now) { begin(now, {}); }
  /// The link is there again, as it may be for many hosts at one moment: asks after a delay.
  void link_returned(MonotonicTime now, std::uint32_t random) {
    begin(now, milliseconds(random % kLongestDelay.count()));
  }
  void stop() { next_ = MonotonicTime::max(); }
  /// Every path that the network speaks of was heard: the next question is not needed. The end of
  /// the wait stays, since other domains of a path answer on their own.
  void heard() {
    if (left_ < kSolicitations) left_ = 0;
  }

  enum class Step { kNothing, kAsk, kOver };
  /// What to do now. kOver, once: who has not answered by now is not there.
  Step timer(MonotonicTime now) {
    if (now < next_) return Step::kNothing;
    if (left_ == 0) {
      stop();
      return Step::kOver;
    }
    --left_;
    next_ = now + kInterval;
    return Step::kAsk;
  }
  MonotonicTime next_timer() const { return next_; }

 private:
  void begin(MonotonicTime now, milliseconds delay) {
    left_ = kSolicitations;
    next_ = now + delay;
  }
  unsigned left_ = 0;  ///< questions
  MonotonicTime next_ = MonotonicTime::max();
};

}  // namespace anabranch::host
