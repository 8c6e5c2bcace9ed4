// SPDX-License-Identifier: MIT
// What the tests of the gateway's file say about its text: what is read from it, what is said to a
// wrong one.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// `text` with one of its lines, which must be there, changed.
inline std::string changed(std::string_view text, std::string_view line, std::string_view instead) {
  std::string out(text);
  const auto at = out.find(line);
  EXPECT_NE(at, std::string::npos) << line;
  return at == std::string::npos ? out : out.replace(at, line.size(), instead);
}

/// What the reader says to a file that is wrong.
inline std::string complaint(std::string_view text) {
  const auto settings = parse(text, "g.toml");
  if (settings) return "accepted";
  EXPECT_EQ(settings.error().code, ExitCode::kBadInput);
  return settings.error().text();
}

/// What a file that is right says.
inline Settings good(std::string_view text) {
  auto settings = parse(text, "g.toml");
  EXPECT_TRUE(settings) << settings.error().text();
  return settings.value_or(Settings{});
}

}  // namespace anabranch::gateway
