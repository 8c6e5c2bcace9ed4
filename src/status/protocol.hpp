// SPDX-License-Identifier: MIT
// The lines that server and client exchange (see server.hpp).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <sys/un.h>

#include "base/result.hpp"

namespace anabranch::status {

/// A request is a short line; an answer may be a large table.
inline constexpr std::size_t kMaxRequest = 4096;
inline constexpr std::size_t kMaxAnswer = 16u << 20;

Result<sockaddr_un> unix_address(const std::filesystem::path& path);

/// {"verb":"show","argument":"..."}; without the argument when it is empty.
struct Question {
  std::string verb;
  std::string argument = {};
  bool operator==(const Question&) const = default;
};
std::string format_request(std::string_view verb, std::string_view argument = {});
Result<Question> parse_request(std::string_view line);
/// `json` is the text of a JSON value.
std::string format_answer(const Result<std::string>& json);
Result<std::string> parse_answer(std::string_view line);

}  // namespace anabranch::status
