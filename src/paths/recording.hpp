// SPDX-License-Identifier: MIT
// A recording of everything the Decider was told and of what it wanted done: JSON, an object a
// line. The first is a header,
//
//   {"anabranch_recording":1,"version":"0.1.0","settings":{...}}
//
// and each other one an input with its time (nanoseconds of the monotonic clock) and its actions:
//
//   {"time":912345678,"input":{"event":{...}},"actions":[{"number":7,"reason":"...",...}]}
//
// A header in between is a fresh Decider, after the settings have changed. The Decider has no clock
// and no chance in it, so that the same inputs give the same actions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "paths/action.hpp"
#include "paths/input.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

inline constexpr int kRecordingFormat = 3;

/// The lines, each with its end.
std::string recording_header(const Settings& settings);
std::string recording_line(const Input& input, MonotonicTime now, std::span<const Action> actions);

class Recorder {
 public:
  /// Replaces the file, which only its owner may read: it tells who talks to whom.
  static Result<Recorder> open(const std::filesystem::path& file, const Settings& settings);
  /// A line at once, so that what led to a crash is in the file. When the disk is full one log line
  /// says so and the recording ends.
  void write(const Input& input, MonotonicTime now, std::span<const Action> actions);

  /// A fresh Decider goes on from here, since the settings have changed.
  void start_anew(const Settings& settings);

 private:
  Recorder(UniqueFd fd, std::filesystem::path file) : fd_(std::move(fd)), file_(std::move(file)) {}
  void put(const std::string& line);

  UniqueFd fd_;
  std::filesystem::path file_;
};

/// What decides, in place of the Decider.
using Decide = std::function<std::vector<Action>(const Input&, MonotonicTime)>;

struct Replay {
  std::uint64_t inputs = 0;
  std::uint64_t actions = 0;
  nanoseconds span{};   ///< from the first input to the last
  std::string version;  ///< that made the recording

  struct Difference {
    std::uint64_t line = 0;  ///< the header is line 1
    std::string expected;    ///< an action as JSON; empty: none
    std::string got;
  };
  std::optional<Difference> difference;  ///< the first; nothing is replayed behind it
};

/// Decides everything again. Errors (kBadInput) name file:line: no recording, another format, a
/// line that is cut or means nothing, time that runs backwards. A last line without an end, as a
/// crash leaves it, is left out.
Result<Replay> replay(std::istream& in, const std::string& name,
                      const std::function<Decide(Settings)>& start);
/// The same with a file and a fresh Decider.
Result<Replay> replay(const std::filesystem::path& file);

}  // namespace anabranch::paths
