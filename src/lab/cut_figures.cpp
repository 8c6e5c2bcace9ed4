// SPDX-License-Identifier: MIT
#include "lab/cut_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lab/single_homed.hpp"

namespace anabranch::lab {

std::vector<std::uint64_t> path_octets(const TransferRecord& record, unsigned path,
                                       std::uint16_t but_for_port) {
  std::vector<std::uint64_t> out;
  out.reserve(record.samples.size());
  for (const auto& sample : record.samples) {
    std::uint64_t octets = 0;
    for (const auto& subflow : sample.subflows) {
      if (path_of(subflow.local, subflow.remote) != path) continue;
      // One of both is the server's, which no client draws.
      if (but_for_port != 0 &&
          (subflow.local_port == but_for_port || subflow.remote_port == but_for_port))
        continue;
      octets += subflow.octets;
    }
    out.push_back(octets);
  }
  return out;
}

std::optional<nanoseconds> carries_again(const TransferRecord& record, unsigned path,
                                         std::int64_t from_ns, std::int64_t until_ns, BitRate rate,
                                         std::uint16_t but_for_port) {
  const auto octets = path_octets(record, path, but_for_port);
  const auto& samples = record.samples;
  std::size_t first = 0;
  for (std::size_t i = 0; i < samples.size() && samples[i].at_ns <= until_ns; ++i) {
    if (samples[i].at_ns < from_ns) {
      first = i + 1;
      continue;
    }
    // The latest sample that is a whole window back.
    while (first + 1 < i && nanoseconds(samples[i].at_ns - samples[first + 1].at_ns) >= kRateWindow)
      ++first;
    const nanoseconds window(samples[i].at_ns - samples[first].at_ns);
    if (window < kRateWindow) continue;
    if (rate_of(octets[i] - octets[first], window) >= rate)
      return nanoseconds(samples[i].at_ns - from_ns);
  }
  return {};
}

BitRate path_rate(const TransferRecord& record, unsigned path, std::int64_t from_ns,
                  std::int64_t to_ns) {
  const auto octets = path_octets(record, path);
  std::optional<std::size_t> first;
  std::optional<std::size_t> last;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (!first && record.samples[i].at_ns >= from_ns) first = i;
    if (record.samples[i].at_ns <= to_ns) last = i;
  }
  if (!first || !last || *last <= *first) return {};
  return rate_of(octets[*last] - octets[*first],
                 nanoseconds(record.samples[*last].at_ns - record.samples[*first].at_ns));
}

double percentile(std::vector<double> values, double percent) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::ranges::sort(values);
  const double rank = std::ceil(percent / 100 * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace anabranch::lab
