// SPDX-License-Identifier: MIT
#include "lab/path_view.hpp"

#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

/// Rates in the live table are means over this many samples.
constexpr std::size_t kSmoothing = 5;

std::string label_of(unsigned index) {
  return "path " + std::to_string(index + 1);
}

std::uint64_t grown(const PathFigures& now, const PathFigures& before) {
  return now.octets > before.octets ? now.octets - before.octets : 0;
}

}  // namespace

std::vector<PathFigures> by_path(const std::vector<SubflowSample>& subflows, unsigned paths) {
  std::vector<PathFigures> out(paths);
  for (const auto& subflow : subflows) {
    const unsigned path = path_of(subflow.local, subflow.remote);
    if (path == 0 || path > paths) continue;
    out[path - 1].octets += subflow.octets;
    if (subflow.rtt_ms > 0) out[path - 1].rtt_ms = subflow.rtt_ms;
  }
  return out;
}

std::vector<std::uint64_t> octets_by_path(const TransferRecord& record, std::int64_t from_ns,
                                          std::int64_t to_ns, unsigned paths) {
  std::vector<PathFigures> first(paths);
  std::vector<PathFigures> last(paths);
  for (const auto& sample : record.samples) {
    if (sample.at_ns <= from_ns) first = by_path(sample.subflows, paths);
    if (sample.at_ns <= to_ns) last = by_path(sample.subflows, paths);
  }
  std::vector<std::uint64_t> out;
  for (unsigned i = 0; i < paths; ++i) out.push_back(grown(last[i], first[i]));
  return out;
}

std::vector<PathRow> LiveRows::rows(const event::Sample& sample) {
  recent_.push_back({sample.at_ns, by_path(sample.subflows, paths_)});
  if (recent_.size() > kSmoothing) recent_.erase(recent_.begin());
  const auto& first = recent_.front();
  const auto& last = recent_.back();
  std::vector<PathRow> out;
  for (unsigned i = 0; i < paths_; ++i)
    out.push_back(
        {label_of(i),
         rate_of(grown(last.figures[i], first.figures[i]), nanoseconds(last.at_ns - first.at_ns)),
         last.figures[i].rtt_ms, last.figures[i].octets});
  return out;
}

Chart goodput_chart(std::string title, const TransferRecord& record, std::int64_t start_ns,
                    unsigned paths) {
  Chart chart{.title = std::move(title)};
  for (unsigned i = 0; i < paths; ++i) chart.stacked.push_back({label_of(i), {}});
  std::vector<PathFigures> before(paths);
  std::uint64_t octets_before = 0;
  std::int64_t ns_before = record.receiver.first_ns;
  for (const auto& sample : record.samples) {
    if (sample.at_ns <= ns_before) continue;
    const auto now = by_path(sample.subflows, paths);
    std::uint64_t all = 0;
    for (unsigned i = 0; i < paths; ++i) all += grown(now[i], before[i]);
    const double goodput =
        rate_of(sample.octets - octets_before, nanoseconds(sample.at_ns - ns_before)).mbit();
    for (unsigned i = 0; i < paths; ++i) {
      const double share =
          all == 0 ? 0 : static_cast<double>(grown(now[i], before[i])) / static_cast<double>(all);
      chart.stacked[i].points.push_back(
          {static_cast<double>(sample.at_ns - start_ns) / 1e9, goodput * share});
    }
    before = now;
    octets_before = sample.octets;
    ns_before = sample.at_ns;
  }
  return chart;
}

}  // namespace anabranch::lab
