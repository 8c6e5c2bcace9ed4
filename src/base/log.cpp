// SPDX-License-Identifier: MIT
#include "base/log.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace anabranch::log {
namespace {

/// JOURNAL_STREAM (systemd.exec(5)) is inherited by children whose standard error is elsewhere, so
/// device and inode have to be those of ours.
bool find_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto out = std::make_shared<spdlog::logger>("anabranch",
                                                std::make_shared<spdlog::sinks::stderr_sink_mt>());
    out->set_pattern("%H:%M:%S.%e %l %v");
    out->flush_on(spdlog::level::trace);
    return out;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view syslog_prefix(Level level) {
  switch (level) {
    case Level::kDebug:
      return "<7>";
    case Level::kInfo:
      return "<6>";
    case Level::kWarning:
      return "<4>";
    case Level::kError:
      return "<3>";
  }
  return "<6>";
}

}  // namespace

bool under_journald() {
  static const bool found = find_journal();
  return found;
}

void start(std::string_view role, Level lowest) {
  logger().set_level(to_spdlog(lowest));
  logger().set_pattern(under_journald() ? "%v" : "%H:%M:%S.%e " + std::string(role) + " %l: %v");
}

Result<Level> parse_level(std::string_view text) {
  const auto found = std::ranges::find(kLevelNames, text);
  if (found != kLevelNames.end()) return static_cast<Level>(found - kLevelNames.begin());
  return fail("'" + std::string(text) + "' is not a log level", {},
              "one of debug, info, warning, error", ExitCode::kBadInput);
}

void write(Level level, std::string_view line) {
  if (!under_journald()) return logger().log(to_spdlog(level), "{}", line);
  // Each line is an entry of its own there.
  for (std::string_view rest = line;;) {
    const auto end = rest.find('\n');
    logger().log(to_spdlog(level), "{}{}", syslog_prefix(level), rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
}

bool RateLimit::allow(Clock::time_point now) {
  if (now < next_) {
    ++held_;
    return false;
  }
  next_ = now + interval_;
  reported_ = std::exchange(held_, 0);
  return true;
}

}  // namespace anabranch::log
