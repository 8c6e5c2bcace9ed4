// SPDX-License-Identifier: MIT
#include "paths/monitor.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "paths/codec.hpp"
#include "paths/report.hpp"

namespace anabranch::paths {
namespace {

using nlohmann::json;

std::string time_text(WallTime now) {
  const auto since = now.time_since_epoch();
  const std::time_t whole = std::chrono::floor<seconds>(since).count();
  const auto rest = std::chrono::floor<milliseconds>(since) - seconds(whole);
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     rest.count());
}

/// Words as everywhere else in what is shown.
std::string dashed(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '_', '-');
  return out;
}

std::string line(json members, std::string what, WallTime now) {
  if (const auto token = members.find("token"); token != members.end())
    *token = token_text(token->get<Token>());
  members["what"] = std::move(what);
  members["time"] = time_text(now);
  return members.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string plain(const json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string paths_text(const json& paths) {
  std::string out;
  for (const auto& path : paths) {
    if (!path.is_object()) continue;
    out += (out.empty() ? "" : ", ") + path.value("address", "") + " (" +
           path.value("interface", "") + (path.value("usable", false) ? "" : ", ") +
           path.value("reason", "") + ")";
  }
  return out.empty() ? "none" : out;
}

std::string text_of(const json& event) {
  std::string out = fmt::format("{} {:<19}", event.value("time", ""), event.value("what", ""));
  const auto told = [&](const char* name) { return event.contains(name); };
  if (told("token")) out += " " + plain(event["token"]);
  if (told("local")) out += " " + plain(event["local"]);
  if (told("remote")) out += " > " + plain(event["remote"]);
  if (told("paths")) out += " " + paths_text(event["paths"]);
  // A note is a sentence; its code is the reason, too.
  if (told("text")) out += " " + plain(event["text"]);
  constexpr std::array<std::string_view, 8> kDone{"time",   "what",  "token", "local",
                                                  "remote", "paths", "text",  "code"};
  for (const auto& [name, value] : event.items()) {
    if (std::ranges::find(kDone, name) != kDone.end()) continue;
    out += value == true ? " " + name : " " + name + "=" + plain(value);
  }
  return out;
}

}  // namespace

std::optional<std::string> monitor_json(const Input& input, WallTime now) {
  if (std::holds_alternative<input::Sample>(input)) return std::nullopt;  // many, and large
  json members = encode(input).begin().value();
  if (const auto* event = std::get_if<input::Event>(&input)) {
    members.erase("type");
    return line(std::move(members), std::string(event_name(event->event.type)), now);
  }
  if (std::holds_alternative<input::Paths>(input)) {
    members["paths"] = members.value("paths", json::array());  // none is news, too
    return line(std::move(members), "paths", now);
  }
  if (const auto* adopted = std::get_if<input::Adopted>(&input))
    return line({{"token", adopted->connection.token},
                 {"local", adopted->connection.local.text()},
                 {"remote", adopted->connection.remote.text()},
                 {"subflows", adopted->subflows.size()}},
                "adopted", now);
  if (std::holds_alternative<input::Gone>(input) || std::holds_alternative<input::Failed>(input) ||
      std::holds_alternative<input::Probed>(input) ||
      std::holds_alternative<input::Measured>(input)) {
    auto what = dashed(input_name(input));
    // "what" is the kind of line here.
    if (what == "failed") members["why"] = members.value("what", "");
    return line(std::move(members), std::move(what), now);
  }
  return std::nullopt;
}

std::string monitor_json(const Action& action, WallTime now) {
  const json whole = encode(action);
  json members = whole.at(std::string(action_name(action)));
  members["reason"] = action.reason;
  members["action"] = action.number;
  return line(std::move(members), dashed(action_name(action)), now);
}

std::string monitor_text(const std::string& text) {
  const auto event = json::parse(text, nullptr, false);
  if (!event.is_object() || !event.contains("what")) return {};
  try {
    return text_of(event);
  } catch (const json::exception&) {
    return {};
  }
}

}  // namespace anabranch::paths
