// SPDX-License-Identifier: MIT
// What a scenario run comes to: measurements, expectations against their bounds, charts for the
// report.
#pragma once

#include <string>
#include <vector>

#include "lab/topology.hpp"

namespace anabranch::lab {

struct Measurement {
  std::string name;  ///< snake_case, the key in the JSON
  double value = 0;
  std::string unit;     ///< "Mbit/s", "ms", "ratio", "octets", "count"
  bool detail = false;  ///< in the files, not in the table on the terminal
};

/// Figures of one kind that are read side by side; the measurements hold them too.
struct Table {
  std::string title;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

struct Expectation {
  std::string name;
  double value = 0;
  std::string bound;  ///< ">= 0.95", "<= 800", "== 0"
  bool ok = false;
};

Expectation at_least(std::string name, double value, double bound);
Expectation at_most(std::string name, double value, double bound);
/// A condition without a figure: value 1 or 0, bound "== 1".
Expectation holds(std::string name, bool condition);

/// Goodput at the receiver over time, one series a path, stacked in the order given.
struct Series {
  std::string label;
  struct Point {
    double at_s = 0;
    double mbit = 0;
  };
  std::vector<Point> points;
};

/// Something that happened during a chart: an uplink cut, an uplink restored.
struct Mark {
  double at_s = 0;
  std::string label;
};

struct Chart {
  std::string title;
  std::vector<Series> stacked = {};
  std::vector<Mark> marks = {};
  double expected_mbit =
      0;  ///< drawn as a dashed line when positive: the sum of the emulated rates
};

struct ScenarioResult {
  std::string scenario;
  std::string title;
  std::string kernel;   ///< uname -r
  std::string version;  ///< of this executable
  Topology topology;
  std::vector<Measurement> measurements;
  std::vector<Table> tables;
  std::vector<Expectation> expectations;
  std::vector<Chart> charts;

  bool ok() const;
};

}  // namespace anabranch::lab
