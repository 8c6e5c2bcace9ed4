// SPDX-License-Identifier: MIT
#include "paths/report.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace anabranch::paths {
namespace {

using nlohmann::json;

double in_ms(nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// A whole number: shown ages need no more.
std::int64_t age_s(MonotonicTime since, MonotonicTime now) {
  return std::chrono::duration_cast<seconds>(std::max(now - since, MonotonicClock::duration{}))
      .count();
}

json ms_or_null(nanoseconds duration) {
  return duration == nanoseconds{} ? json(nullptr) : json(in_ms(duration));
}

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

json mbit_or_null(BitRate rate) {
  return rate.bits_per_second <= 0 ? json(nullptr) : json(rate.mbit());
}

const char* state_name(Announcement::State state) {
  switch (state) {
    case Announcement::State::kSent:
      return "sent";
    case Announcement::State::kDone:
      return "done";
    case Announcement::State::kFailed:
      return "failed";
  }
  return "";
}

json subflow_json(const Subflow& subflow, const ReportView& view, MonotonicTime now) {
  const auto path = view.paths.find(subflow.key.local.address);
  return {{"local", subflow.key.local.text()},
          {"remote", subflow.key.remote.text()},
          {"local_id", subflow.local_id},
          {"remote_id", subflow.remote_id},
          {"interface", path == view.paths.end() ? json(nullptr) : json(path->second.interface)},
          {"state", view.silent(subflow.key) ? "silent" : "established"},
          {"initial", subflow.initial},
          {"backup", subflow.backup},
          {"reason", subflow.reason},
          {"rule", subflow.rule},
          {"rtt_ms", ms_or_null(subflow.last.rtt)},
          {"send_mbit", subflow.sent_rate.mbit()},
          {"receive_mbit", subflow.received_rate.mbit()},
          {"octets_sent", subflow.last.octets_sent},
          {"octets_received", subflow.last.octets_received},
          {"retransmissions", subflow.last.retransmissions},
          {"age_s", age_s(subflow.since, now)}};
}

json connection_json(const Connection& connection, const ReportView& view, MonotonicTime now) {
  json out{{"token", token_text(connection.token)},
           {"server_side", connection.server_side},
           {"established", connection.established},
           {"deny_join_id0", connection.deny_join_id0},
           {"observed_only", connection.observed_only},
           {"plain_tcp", connection.plain_tcp},
           {"local", connection.local.text()},
           {"remote", connection.remote.text()},
           {"uid", connection.uid ? json(*connection.uid) : json(nullptr)},
           {"cgroup", connection.cgroup},
           {"age_s", age_s(connection.since, now)}};
  auto& subflows = out["subflows"] = json::array();
  for (const auto& [key, subflow] : connection.subflows)
    subflows.push_back(subflow_json(subflow, view, now));
  auto& peer_addresses = out["peer_addresses"] = json::array();
  for (const auto& [id, peer] : connection.peer_addresses)
    peer_addresses.push_back(
        {{"id", id}, {"endpoint", peer.endpoint.text()}, {"announced", peer.announced}});
  auto& announcements = out["announcements"] = json::array();
  for (const auto& [id, sent] : connection.announcements)
    announcements.push_back(
        {{"id", id}, {"endpoint", sent.endpoint.text()}, {"state", state_name(sent.state)}});
  auto& waiting = out["waiting"] = json::array();
  for (const auto& one : view.waiting(connection.token)) {
    if (one.until && *one.until <= now) continue;
    waiting.push_back({{"local", one.local.text()},
                       {"remote", one.remote.text()},
                       {"code", one.code},
                       {"detail", one.detail},
                       {"retry_in_ms", one.until ? json(in_ms(*one.until - now)) : json(nullptr)}});
  }
  return out;
}

json path_json(const Path& path, const ReportView& view, MonotonicTime now) {
  const auto found = view.memory.find(path.address);
  const PathMemory known = found == view.memory.end() ? PathMemory{} : found->second;
  auto destinations = json::array();
  for (const auto& prefix : path.destinations) destinations.push_back(prefix.text());
  return {
      {"address", path.address.text()},
      {"interface", path.interface},
      {"usable", path.usable},
      {"reason", path.reason},
      {"destinations", std::move(destinations)},
      {"failed", known.failed},
      {"preferred", view.preferred(path.address.family()) == path.address},
      {"send_mbit", mbit_or_null(known.send_rate)},
      {"receive_mbit", mbit_or_null(known.receive_rate)},
      {"minimum_rtt_ms", ms_or_null(known.minimum_rtt)},
      {"loaded_rtt_ms", ms_or_null(known.loaded_rtt)},
      {"age_s", known.learned == MonotonicTime{} ? json(nullptr) : json(age_s(known.learned, now))},
  };
}

std::optional<Token> parse_token(std::string_view text) {
  Token out = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

std::string token_text(Token token) {
  return fmt::format("0x{:08x}", token);
}

Result<ReportFilter> ReportFilter::parse(std::string_view text) {
  ReportFilter out;
  if (text.empty()) return out;
  const auto refuse = [&] {
    return fail("'" + std::string(text) + "' is neither a token nor a destination", {},
                "like 0x9d7282f7, 198.51.100.1, 198.51.100.0/24 or [2001:db8::1]:443",
                ExitCode::kBadInput);
  };
  if (text.starts_with("0x")) {
    out.token = parse_token(text.substr(2));
    if (!out.token) return refuse();
    return out;
  }
  const auto parts = split_host_and_port(text);
  if (!parts || parts->port == 0) return refuse();
  const auto prefix = IpPrefix::parse(parts->host);
  if (!prefix) return refuse();
  out.destination = prefix->without_host_bits();
  out.port = parts->port;
  return out;
}

bool ReportFilter::holds(const Connection& connection) const {
  return (!token || connection.token == *token) &&
         (!destination || destination->contains(connection.remote.address)) &&
         (!port || connection.remote.port == *port);
}

std::string report_json(const ReportView& view, MonotonicTime now, const ReportFilter& filter,
                        const ReportOfDaemon& daemon) {
  auto connections = json::array();
  std::size_t total = 0;
  for (const auto& [token, connection] : view.connections) {
    if (!filter.holds(connection)) continue;
    if (total++ < kMostReported) connections.push_back(connection_json(connection, view, now));
  }
  auto paths = json::array();
  for (const auto& [address, path] : view.paths) paths.push_back(path_json(path, view, now));
  const json out{{"connections", std::move(connections)},
                 {"connections_total", total},
                 {"paths", std::move(paths)},
                 {"limits", daemon.limits},
                 {"settings_file", text_or_null(daemon.settings_file)}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> report_json(const Decider& decider, MonotonicTime now, std::string_view about,
                                const ReportOfDaemon& daemon) {
  const auto filter = ReportFilter::parse(about);
  if (!filter) return std::unexpected(filter.error());
  return report_json(view_of(decider), now, *filter, daemon);
}

std::string report_sentence(const ReportView& view) {
  std::size_t subflows = 0;
  for (const auto& [token, connection] : view.connections) subflows += connection.subflows.size();
  const auto usable = std::ranges::count_if(view.paths, [&](const auto& entry) {
    const auto known = view.memory.find(entry.first);
    return entry.second.usable && (known == view.memory.end() || !known->second.failed);
  });
  const auto connections = view.connections.size();
  return fmt::format("{} of {} paths usable, {} connection{} with {} subflow{}", usable,
                     view.paths.size(), connections, connections == 1 ? "" : "s", subflows,
                     subflows == 1 ? "" : "s");
}

ReportView view_of(const Decider& decider) {
  return {decider.connections(),
          decider.paths(),
          decider.memory(),
          [&decider](Token token) { return decider.waiting(token); },
          [&decider](Family family) { return decider.preferred(family); },
          [&decider](const SubflowKey& key) { return decider.silent(key); }};
}

}  // namespace anabranch::paths
