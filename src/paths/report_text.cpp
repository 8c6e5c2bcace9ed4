// SPDX-License-Identifier: MIT
#include "paths/report_text.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/units.hpp"

namespace anabranch::paths {
namespace {

using nlohmann::json;

/// Columns as wide as their widest cell, two spaces apart.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  std::string text(std::string_view indent = {}) const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_)
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    std::string out;
    for (const auto& row : rows_) {
      std::string line(indent);
      for (std::size_t i = 0; i < row.size(); ++i)
        line += fmt::format("{:<{}}  ", row[i], widths[i]);
      out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return out;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string text_or_dash(const json& value) {
  const auto text = value.is_string() ? value.get<std::string>() : std::string();
  return text.empty() ? "-" : text;
}

std::string rate(const json& mbit) {
  if (!mbit.is_number() || mbit.get<double>() <= 0) return "-";
  return BitRate::mbit(mbit.get<double>()).text();
}

std::string duration(const json& ms) {
  if (!ms.is_number()) return "-";
  return duration_text(std::chrono::duration_cast<nanoseconds>(
      std::chrono::duration<double, std::milli>(ms.get<double>())));
}

/// "just now", "3 s ago", "1 min 40 s ago", "2 h 5 min ago".
std::string age(const json& value) {
  if (!value.is_number()) return "-";
  static constexpr std::array<std::pair<std::int64_t, const char*>, 4> kUnits{
      {{86'400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
  const auto whole = value.get<std::int64_t>();
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const auto& [unit, name] = kUnits[i];
    if (whole < unit) continue;
    auto out = fmt::format("{} {}", whole / unit, name);
    if (const auto rest = whole % unit; i + 1 < kUnits.size() && rest >= kUnits[i + 1].first)
      out += fmt::format(" {} {}", rest / kUnits[i + 1].first, kUnits[i + 1].second);
    return out + " ago";
  }
  return "just now";
}

std::string state_of_path(const json& path) {
  if (!path.at("usable").get<bool>()) return text_or_dash(path.at("reason"));
  if (path.at("failed").get<bool>()) return "silent";
  return path.at("preferred").get<bool>() ? "up, preferred" : "up";
}

std::string paths_table(const json& paths) {
  Table table({"PATH", "INTERFACE", "STATE", "SEND", "RECEIVE", "RTT", "LOADED", "LEARNED"});
  for (const auto& path : paths)
    table.add({path.at("address").get<std::string>(), text_or_dash(path.at("interface")),
               state_of_path(path), rate(path.at("send_mbit")), rate(path.at("receive_mbit")),
               duration(path.at("minimum_rtt_ms")), duration(path.at("loaded_rtt_ms")),
               age(path.at("age_s"))});
  return table.text();
}

std::string subflow_table(const json& subflows) {
  Table table({"LOCAL", "REMOTE", "INTERFACE", "STATE", "RTT", "SEND", "RECEIVE", "SENT",
               "RECEIVED", "RETRANS", "RULE", "WHY"});
  for (const auto& subflow : subflows) {
    auto state = subflow.at("state").get<std::string>();
    if (subflow.at("backup").get<bool>()) state += ", backup";
    if (subflow.at("initial").get<bool>()) state += ", initial";
    table.add({subflow.at("local").get<std::string>(), subflow.at("remote").get<std::string>(),
               text_or_dash(subflow.at("interface")), std::move(state),
               duration(subflow.at("rtt_ms")), rate(subflow.at("send_mbit")),
               rate(subflow.at("receive_mbit")),
               octets_text(subflow.at("octets_sent").get<std::uint64_t>()),
               octets_text(subflow.at("octets_received").get<std::uint64_t>()),
               std::to_string(subflow.at("retransmissions").get<std::uint64_t>()),
               text_or_dash(subflow.at("rule")), text_or_dash(subflow.at("reason"))});
  }
  return table.text("  ");
}

std::string connection_text(const json& connection) {
  std::string remarks =
      connection.at("server_side").get<bool>() ? "opened by the peer " : "opened here ";
  remarks += age(connection.at("age_s"));
  const auto remark = [&](const char* key, const char* words) {
    if (connection.at(key).get<bool>()) remarks += std::string(", ") + words;
  };
  if (!connection.at("established").get<bool>()) remarks += ", not established yet";
  remark("plain_tcp", "plain TCP");
  remark("observed_only", "the kernel's path manager has it");
  remark("deny_join_id0", "the peer takes no joins to its first address");
  const auto& uid = connection.at("uid");
  std::string out = fmt::format(
      "\n{}  {} > {}  {}, {}\n", connection.at("token").get<std::string>(),
      connection.at("local").get<std::string>(), connection.at("remote").get<std::string>(),
      remarks, uid.is_null() ? "user not known" : fmt::format("user {}", uid.get<std::uint32_t>()));
  if (!connection.at("subflows").empty()) out += subflow_table(connection.at("subflows"));
  for (const auto& waiting : connection.at("waiting")) {
    const auto& retry = waiting.at("retry_in_ms");
    const auto code = waiting.at("code").get<std::string>();
    const auto detail = waiting.at("detail").get<std::string>();
    out += fmt::format("  waiting: {} > {}: {}{}, {}\n", waiting.at("local").get<std::string>(),
                       waiting.at("remote").get<std::string>(), code,
                       detail.empty() ? "" : " (" + detail + ")",
                       code == "connecting" ? "no answer yet"
                       : retry.is_null()    ? "until the path answers"
                                            : "again in " + duration(retry));
  }
  for (const auto& sent : connection.at("announcements"))
    if (sent.at("state") != "done")
      out += fmt::format("  announcement of {}: {}\n", sent.at("endpoint").get<std::string>(),
                         sent.at("state").get<std::string>());
  return out;
}

}  // namespace

Result<std::string> report_text(const std::string& text) {
  const auto report = json::parse(text, nullptr, false);
  try {
    std::string out = report.at("paths").empty() ? "no paths\n" : paths_table(report.at("paths"));
    const auto& connections = report.at("connections");
    for (const auto& connection : connections) out += connection_text(connection);
    const auto total = report.at("connections_total").get<std::size_t>();
    if (connections.size() < total)
      out += fmt::format("\n{} of {} connections; name a token or a destination for others\n",
                         connections.size(), total);
    else if (total == 0)
      out += "\nno connections\n";
    return out;
  } catch (const json::exception&) {
    return fail("the path manager's answer is no report");
  }
}

}  // namespace anabranch::paths
