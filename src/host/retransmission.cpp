// SPDX-License-Identifier: MIT
#include "host/retransmission.hpp"

#include <algorithm>

namespace anabranch::host {
namespace {

/// RAND * wait: a tenth of it, more or less.
milliseconds jitter(milliseconds wait, std::uint32_t random) {
  const auto thousandths = static_cast<std::int64_t>(random % 2001) - 1000;
  return milliseconds(wait.count() * thousandths / 10'000);
}

}  // namespace

void Retransmission::begin(const Parameters& parameters) {
  *this = {};
  parameters_ = parameters;
}

void Retransmission::sent(MonotonicTime now, std::uint32_t random) {
  const auto [first, longest, transmissions, duration, first_in_full] = parameters_;
  if (transmissions_++ == 0) {
    const auto part = jitter(first, random);
    wait_ = first + (first_in_full ? std::chrono::abs(part) : part);
    if (duration > nanoseconds{0}) end_ = now + duration;
  } else {
    wait_ = 2 * wait_ + jitter(wait_, random);
    if (longest > milliseconds{0} && wait_ > longest) wait_ = longest + jitter(longest, random);
  }
  next_ = std::min(now + wait_, end_);
}

bool Retransmission::over() const {
  if (transmissions_ == 0) return false;
  return next_ == end_ ||
         (parameters_.transmissions != 0 && transmissions_ >= parameters_.transmissions);
}

}  // namespace anabranch::host
