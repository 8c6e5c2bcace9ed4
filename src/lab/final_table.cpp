// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/core.h>

#include "lab/progress.hpp"
#include "lab/report_text.hpp"

namespace anabranch::lab {
namespace {

using Row = std::vector<std::string>;

/// Columns two blanks apart; the second (the figure), or all from there on, aligned to the right.
std::string aligned(const std::vector<Row>& rows, bool figures_to_the_end = false) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], visible_columns(row[i]));
    }
  std::string out;
  for (const auto& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - visible_columns(row[i]), ' ');
      const bool figure = i == 1 || (figures_to_the_end && i > 1);
      line += figure ? "  " + space + row[i] : (i == 0 ? " " : "  ") + row[i] + space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string marked(bool ok, const std::string& text, bool colours) {
  return colours ? fmt::format("\x1b[{}m{}\x1b[0m", ok ? "32" : "1;31", text) : text;
}

}  // namespace

std::string final_table(const ScenarioResult& result, bool colours) {
  std::string out;
  std::vector<Row> measured;
  for (const auto& measurement : result.measurements)
    if (!measurement.detail)
      measured.push_back({measurement.name, display_number(measurement.value), measurement.unit});
  if (!measured.empty()) out += "Measured\n" + aligned(measured);
  for (const auto& table : result.tables) {
    std::vector<Row> rows = {table.head};
    rows.insert(rows.end(), table.rows.begin(), table.rows.end());
    out += table.title + '\n' + aligned(rows, true);
  }
  if (!result.expectations.empty()) {
    std::vector<Row> rows;
    for (const auto& expectation : result.expectations)
      rows.push_back({expectation.name, display_number(expectation.value), expectation.bound,
                      marked(expectation.ok, expectation.ok ? "ok" : "MISSED", colours)});
    out += "Expected\n" + aligned(rows);
  }
  const auto missed = std::ranges::count(result.expectations, false, &Expectation::ok);
  const auto verdict = result.expectations.empty() ? "nothing was expected"
                       : missed == 0
                           ? fmt::format("ok, {} of {} expectations hold",
                                         result.expectations.size(), result.expectations.size())
                           : fmt::format("MISSED, {} of {} expectations do not hold", missed,
                                         result.expectations.size());
  return out + result.scenario + ": " + marked(missed == 0, verdict, colours) + '\n';
}

}  // namespace anabranch::lab
