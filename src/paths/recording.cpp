// SPDX-License-Identifier: MIT
#include "paths/recording.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <istream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/log.hpp"
#include "paths/codec.hpp"

namespace anabranch::paths {
namespace {

using nlohmann::json;

/// All subflows of a connection, or all paths of a machine, are far below that.
constexpr std::size_t kLongestLine = 4u << 20;

constexpr std::string_view kHeaderBegin = R"({"anabranch_recording")";

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

enum class Got { kLine, kEnd, kTooLong };

/// A line with an end; what stands behind the last one is no line.
Got read_line(std::istream& in, std::string& out) {
  out.clear();
  auto* octets = in.rdbuf();
  for (int c = octets->sbumpc(); c != std::char_traits<char>::eof(); c = octets->sbumpc()) {
    if (c == '\n') return Got::kLine;
    if (out.size() == kLongestLine) return Got::kTooLong;
    out.push_back(static_cast<char>(c));
  }
  return Got::kEnd;
}

struct Line {
  MonotonicTime time;
  Input input;
  std::vector<Action> actions;
};

Result<Line> parse_line(const std::string& text) {
  const auto value = json::parse(text, nullptr, false);
  if (!value.is_object() || value.size() != 3 || !value.contains("time") ||
      !value.contains("input") || !value.contains("actions") || !value["actions"].is_array())
    return fail("it is no line of a recording", {}, {}, ExitCode::kBadInput);
  Line out;
  const auto time = decode_time(value["time"]);
  if (!time) return std::unexpected(time.error());
  out.time = *time;
  auto input = decode_input(value["input"]);
  if (!input) return std::unexpected(input.error());
  out.input = *std::move(input);
  for (const auto& element : value["actions"]) {
    auto action = decode_action(element);
    if (!action) return std::unexpected(action.error());
    out.actions.push_back(*std::move(action));
  }
  return out;
}

struct Header {
  std::string version;
  Settings settings;
};

Result<Header> parse_header(const std::string& text) {
  const auto value = json::parse(text, nullptr, false);
  if (!value.is_object() || !value.contains("anabranch_recording"))
    return fail("it is no recording", {}, "made by: anabranch paths run --record FILE",
                ExitCode::kBadInput);
  if (value["anabranch_recording"] != kRecordingFormat)
    return fail("it is a recording of another format", {},
                "this version reads format " + std::to_string(kRecordingFormat),
                ExitCode::kBadInput);
  if (!value.contains("version") || !value["version"].is_string() || !value.contains("settings"))
    return fail("its header is incomplete", {}, {}, ExitCode::kBadInput);
  auto settings = decode_settings(value["settings"]);
  if (!settings) return std::unexpected(settings.error());
  return Header{value["version"].get<std::string>(), *std::move(settings)};
}

std::string text_at(std::span<const Action> actions, std::size_t index) {
  if (index >= actions.size()) return {};
  auto text = line_of(encode(actions[index]));
  text.pop_back();
  return text;
}

/// The first action that is another one, as JSON. An action that was read and one that was made now
/// are written by the same code: equal ones have equal texts.
std::optional<Replay::Difference> difference(std::uint64_t line, std::span<const Action> expected,
                                             std::span<const Action> got) {
  for (std::size_t i = 0; i < std::max(expected.size(), got.size()); ++i) {
    auto before = text_at(expected, i);
    auto now = text_at(got, i);
    if (before != now) return Replay::Difference{line, std::move(before), std::move(now)};
  }
  return std::nullopt;
}

}  // namespace

std::string recording_header(const Settings& settings) {
  return line_of({{"anabranch_recording", kRecordingFormat},
                  {"version", ANABRANCH_VERSION},
                  {"settings", encode(settings)}});
}

std::string recording_line(const Input& input, MonotonicTime now, std::span<const Action> actions) {
  auto list = json::array();
  for (const auto& action : actions) list.push_back(encode(action));
  const auto time = std::chrono::duration_cast<nanoseconds>(now.time_since_epoch());
  return line_of({{"time", time.count()}, {"input", encode(input)}, {"actions", std::move(list)}});
}

Result<Recorder> Recorder::open(const std::filesystem::path& file, const Settings& settings) {
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("cannot record", file.string());
  Recorder out(std::move(fd), file);
  out.put(recording_header(settings));
  return out;
}

void Recorder::write(const Input& input, MonotonicTime now, std::span<const Action> actions) {
  if (fd_) put(recording_line(input, now, actions));
}

void Recorder::start_anew(const Settings& settings) {
  if (fd_) put(recording_header(settings));
}

void Recorder::put(const std::string& line) {
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      log::warning("{}: the recording ends here: {}", file_.string(), std::strerror(errno));
      fd_.reset();
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

Result<Replay> replay(std::istream& in, const std::string& name,
                      const std::function<Decide(Settings)>& start) {
  std::uint64_t number = 1;
  const auto at_line = [&](Error error) {
    error.where = name + ":" + std::to_string(number);
    error.code = ExitCode::kBadInput;
    return std::unexpected(std::move(error));
  };
  const Error too_long{"a line is too long for a recording"};
  std::string text;
  if (const auto got = read_line(in, text); got != Got::kLine)
    return at_line(got == Got::kTooLong ? too_long : Error{"it is no recording"});
  auto header = parse_header(text);
  if (!header) return at_line(header.error());
  Replay out;
  out.version = std::move(header->version);
  Decide decide = start(std::move(header->settings));
  std::optional<MonotonicTime> first;
  MonotonicTime last;
  for (auto got = read_line(in, text); got != Got::kEnd; got = read_line(in, text)) {
    ++number;
    if (got == Got::kTooLong) return at_line(too_long);
    if (text.starts_with(kHeaderBegin)) {
      auto again = parse_header(text);
      if (!again) return at_line(again.error());
      decide = start(std::move(again->settings));
      continue;
    }
    const auto line = parse_line(text);
    if (!line) return at_line(line.error());
    if (first && line->time < last) return at_line(Error{"time runs backwards"});
    if (!first) first = line->time;
    last = line->time;
    const auto actions = decide(line->input, line->time);
    ++out.inputs;
    out.actions += actions.size();
    out.span = last - *first;
    out.difference = difference(number, line->actions, actions);
    if (out.difference) break;
  }
  return out;
}

}  // namespace anabranch::paths
