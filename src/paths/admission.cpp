// SPDX-License-Identifier: MIT
#include "paths/admission.hpp"

#include <algorithm>

namespace anabranch::paths {
namespace {

double in_seconds(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Verdict admit(const Quality& fast, const Quality& slow, std::uint64_t limited_buffer) {
  Verdict out;
  if (fast.rate.bits_per_second <= 0 || slow.rate.bits_per_second <= 0) {
    out.code = "unknown-rate";
    return out;
  }
  const double fast_octets = fast.rate.bits_per_second / 8;
  const double burst = static_cast<double>(limited_buffer > 0 ? kLimitedBurst : kBurst);
  const double blocked = burst * 8 / slow.rate.bits_per_second + in_seconds(slow.minimum_rtt);
  const auto loaded =
      std::clamp<nanoseconds>(fast.loaded_rtt, fast.minimum_rtt,
                              std::max<nanoseconds>(fast.minimum_rtt, nanoseconds(kQueueCounted)));
  const auto counted =
      fast.loaded_rtt > nanoseconds::zero() ? loaded : fast.minimum_rtt + kUsualQueue;
  out.need = static_cast<std::uint64_t>(fast_octets * blocked);
  // The kernel's accounting takes about a third of a buffer for itself.
  out.room = std::max(static_cast<std::uint64_t>(2 * fast_octets * in_seconds(counted)),
                      limited_buffer / 3 * 2);
  if (slow.rate.bits_per_second < kWorthwhile * fast.rate.bits_per_second)
    out.code = "little-gain";
  else if (out.need > out.room)
    out.code = "slow-company";
  else
    out.code = "good-company";
  out.admitted = out.code == std::string_view("good-company");
  return out;
}

nanoseconds fetch_time(const Quality& quality) {
  constexpr std::uint64_t kFetched = 1'000'000;
  constexpr int kRoundTrips = 6;
  if (quality.rate.bits_per_second <= 0) return nanoseconds::max();
  return quality.rate.time_for(kFetched) + kRoundTrips * quality.minimum_rtt;
}

}  // namespace anabranch::paths
