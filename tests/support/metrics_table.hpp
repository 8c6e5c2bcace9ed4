// SPDX-License-Identifier: MIT
// docs/metrics.md and the metrics there are, held against each other.
#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "status/metrics.hpp"

namespace anabranch::test_support {

/// Every definition is a line of the table, word for word, and the table has no other metric whose
/// name begins with `prefix`.
inline void expect_in_manual(std::string_view prefix,
                             std::span<const status::MetricDefinition> definitions) {
  const auto data = std::filesystem::path(ANABRANCH_TEST_DATA);
  std::ifstream in(data.parent_path().parent_path() / "docs/metrics.md");
  ASSERT_TRUE(in);
  std::set<std::string> rows;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `" + std::string(prefix))) continue;
    // Without the column of labels.
    const auto third = line.find('|', line.find('|', line.find('|', 1) + 1) + 1);
    const auto type = line.find('|', line.find('|', 1) + 1);
    rows.insert(line.substr(0, type) + line.substr(third));
  }
  std::set<std::string> expected;
  for (const auto& definition : definitions) {
    const bool counter = definition.type == status::MetricType::kCounter;
    EXPECT_EQ(definition.name.ends_with("_total"), counter) << definition.name;
    expected.insert("| `" + std::string(definition.name) + "` | " +
                    (counter ? "counter " : "gauge ") + "| " + std::string(definition.help) + " |");
  }
  EXPECT_EQ(rows, expected) << "docs/metrics.md and metric_definitions() differ";
}

}  // namespace anabranch::test_support
