// SPDX-License-Identifier: MIT
// docs/explain-codes.md and the table of codes, held against each other.
#include "paths/explain_codes.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "paths/explain.hpp"

namespace anabranch::paths {
namespace {

std::string row(const ExplainEntry& entry) {
  return "| `" + std::string(entry.name) + "` | " + std::string(entry.sentence) + " | " +
         std::string(entry.hint) + " |";
}

TEST(ExplainCodes, AllAreInTheManualWordForWord) {
  const auto data = std::filesystem::path(ANABRANCH_TEST_DATA);
  std::ifstream in(data.parent_path().parent_path() / "docs/explain-codes.md");
  ASSERT_TRUE(in);
  std::vector<std::string> rows;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("| `")) rows.push_back(line);
  std::vector<std::string> expected;
  for (const auto& entry : explain_entries()) expected.push_back(row(entry));
  EXPECT_EQ(rows, expected);
}

TEST(ExplainCodes, EachHasANameOfItsOwnByWhichItIsFound) {
  std::set<std::string_view> names;
  for (const auto& entry : explain_entries()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
    EXPECT_EQ(explain_code(entry.name), entry.code);
    EXPECT_TRUE(entry.sentence.ends_with('.')) << entry.name;
  }
  EXPECT_FALSE(explain_code("no-such-code"));
}

TEST(ExplainCodes, WhatIsToBeMendedSaysHow) {
  for (const auto& entry : explain_entries()) {
    if (entry.kind != ExplainKind::kFault || entry.code == ExplainCode::kAddressNotUsable) continue;
    EXPECT_FALSE(entry.hint.empty()) << entry.name;
  }
}

}  // namespace
}  // namespace anabranch::paths
