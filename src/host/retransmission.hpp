// SPDX-License-Identifier: MIT
// When a DHCPv6 message that nobody answers is sent again, and when to give up (RFC 8415 section
// 15). Pure; time and random numbers are arguments.
#pragma once

#include <cstdint>

#include "base/units.hpp"

namespace anabranch::host {

class Retransmission {
 public:
  struct Parameters {
    milliseconds first{};      ///< IRT: the wait after the first transmission
    milliseconds longest{};    ///< MRT; zero: waits grow without end
    unsigned transmissions{};  ///< MRC; zero: any number
    nanoseconds duration{};    ///< MRD, since the first transmission; zero: any
    /// The wait after the first transmission is never shorter than `first`: of Solicit, where
    /// servers have this time to answer.
    bool first_in_full = false;
  };

  void begin(const Parameters& parameters);
  /// The message is sent now. Each wait is twice the one before, give or take a tenth.
  void sent(MonotonicTime now, std::uint32_t random);
  /// Another MRT, for the waits from now on.
  void set_longest(milliseconds longest) { parameters_.longest = longest; }

  /// When to send again or to give up; MonotonicTime::max() before the first transmission.
  MonotonicTime next() const { return next_; }
  /// Whether what is due at next() is to give up.
  bool over() const;
  unsigned transmissions() const { return transmissions_; }

 private:
  Parameters parameters_;
  unsigned transmissions_ = 0;
  milliseconds wait_{};
  MonotonicTime end_ = MonotonicTime::max();
  MonotonicTime next_ = MonotonicTime::max();
};

}  // namespace anabranch::host
