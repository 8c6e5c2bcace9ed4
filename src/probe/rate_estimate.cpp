// SPDX-License-Identifier: MIT
#include "probe/rate_estimate.hpp"

#include <algorithm>

namespace anabranch::probe {
namespace {

/// Answers and the time from the first to the last, in whatever order they came.
struct Stretch {
  unsigned answers = 0;
  MonotonicTime first = MonotonicTime::max();
  MonotonicTime last = MonotonicTime::min();

  void add(MonotonicTime arrival) {
    ++answers;
    first = std::min(first, arrival);
    last = std::max(last, arrival);
  }
  unsigned gaps() const { return answers > 1 ? answers - 1 : 0; }
  nanoseconds time() const { return gaps() > 0 ? last - first : nanoseconds{}; }
};

BitRate rate_from(unsigned gaps, nanoseconds time, unsigned octets) {
  return rate_of(std::uint64_t{gaps} * octets, std::max(time, gaps * kSpacingResolution));
}

}  // namespace

BitRate estimate_rate(std::span<const std::optional<MonotonicTime>> arrivals, unsigned octets) {
  Stretch all;
  Stretch neighbours;
  unsigned gaps = 0;
  nanoseconds time{};
  const auto end_of_neighbours = [&] {
    gaps += neighbours.gaps();
    time += neighbours.time();
    neighbours = {};
  };
  for (const auto& arrival : arrivals) {
    if (!arrival) {
      end_of_neighbours();
      continue;
    }
    all.add(*arrival);
    neighbours.add(*arrival);
  }
  end_of_neighbours();
  if (gaps > 0) return rate_from(gaps, time, octets);
  if (all.gaps() > 0) return rate_from(all.gaps(), all.time(), octets);
  return {};
}

}  // namespace anabranch::probe
