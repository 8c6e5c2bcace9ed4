// SPDX-License-Identifier: MIT
// One chart of the report: goodput over time, a stacked area for each path, as inline SVG.
#pragma once

#include <string>
#include <vector>

#include "lab/result.hpp"

namespace anabranch::lab {

/// A chart's series on one common time axis. Series may have been sampled at different moments:
/// between its own samples a series is interpolated, before its first and after its last it is
/// zero.
struct StackedSamples {
  std::vector<double> at_s;
  std::vector<std::vector<double>> mbit;  ///< [series][sample], not yet summed up

  double total(std::size_t sample) const;
};

StackedSamples align_samples(const Chart& chart);

/// Round step so that 0..`highest` has four to eight ticks: 1, 2 or 5 times a power of ten.
double tick_step(double highest);

/// An <svg> element and its legend, coloured by the report's style sheet (classes s1 to s8).
std::string chart_html(const Chart& chart);

}  // namespace anabranch::lab
