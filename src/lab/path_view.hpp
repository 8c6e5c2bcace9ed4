// SPDX-License-Identifier: MIT
// Subflows grouped by the path they take: rows for the live table, stacked series for the report.
#pragma once

#include <string>
#include <vector>

#include "lab/progress.hpp"
#include "lab/result.hpp"
#include "lab/transfer.hpp"

namespace anabranch::lab {

/// Octets a path has carried in one sample, and the latest RTT seen on it.
struct PathFigures {
  std::uint64_t octets = 0;
  double rtt_ms = 0;
};

/// Index 0 is path 1. `paths` is how many there are.
std::vector<PathFigures> by_path(const std::vector<SubflowSample>& subflows, unsigned paths);

/// What each path brought the receiver between two moments (CLOCK_MONOTONIC ns), to the sample.
std::vector<std::uint64_t> octets_by_path(const TransferRecord& record, std::int64_t from_ns,
                                          std::int64_t to_ns, unsigned paths);

/// Rows for the live table, with rates over the last few samples so that figures can be read.
class LiveRows {
 public:
  explicit LiveRows(unsigned paths) : paths_(paths) {}
  std::vector<PathRow> rows(const event::Sample& sample);

 private:
  struct Point {
    std::int64_t at_ns;
    std::vector<PathFigures> figures;
  };
  unsigned paths_;
  std::vector<Point> recent_;
};

/// Goodput over time per path. The payload of a sample is shared out in proportion to the octets
/// its subflows received in it, so that the stack's height is the goodput.
Chart goodput_chart(std::string title, const TransferRecord& record, std::int64_t start_ns,
                    unsigned paths);

}  // namespace anabranch::lab
