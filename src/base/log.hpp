// SPDX-License-Identifier: MIT
// Log lines: sentences with the facts in them, on standard error.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/result.hpp"

namespace anabranch::log {

enum class Level { kDebug, kInfo, kWarning, kError };
/// By the numbers of their levels.
inline constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warning", "error"};

/// Sets the lowest level that is written. `role` stands in every line. Under journald lines carry
/// the syslog level prefix (sd-daemon(3)) and no time of their own.
void start(std::string_view role, Level lowest = Level::kInfo);
/// Standard error leads into the journal.
bool under_journald();
Result<Level> parse_level(std::string_view text);

void write(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

/// Lets one line through per `interval` and counts the rest, so that a flood of bad packets makes
/// one line and not a full disk. Time is an argument: tests need no clock.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RateLimit(std::chrono::seconds interval) : interval_(interval) {}
  /// True when a line may be written now; `suppressed()` is then the number held back before it.
  bool allow(Clock::time_point now);
  unsigned long suppressed() const { return reported_; }

 private:
  std::chrono::seconds interval_;
  Clock::time_point next_{};
  unsigned long held_ = 0;
  unsigned long reported_ = 0;
};

}  // namespace anabranch::log
