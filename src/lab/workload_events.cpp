// SPDX-License-Identifier: MIT
// The workload's report as text: {"event":NAME, ...} on one line, members named as in workload.hpp.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/workload.hpp"

namespace anabranch::lab {
namespace {

using nlohmann::json;

json to_json(const std::vector<SubflowSample>& subflows) {
  auto out = json::array();
  for (const auto& subflow : subflows)
    out.push_back({{"local", subflow.local.text()},
                   {"local_port", subflow.local_port},
                   {"remote", subflow.remote.text()},
                   {"remote_port", subflow.remote_port},
                   {"octets", subflow.octets},
                   {"rtt_ms", subflow.rtt_ms}});
  return out;
}

struct Formatter {
  json operator()(const event::Listening&) const { return {{"event", "listening"}}; }
  json operator()(const event::Connected& event) const {
    return {{"event", "connected"}, {"mptcp", event.mptcp}, {"setup_ms", event.setup_ms}};
  }
  json operator()(const event::Sample& event) const {
    return {{"event", "sample"},
            {"at_ns", event.at_ns},
            {"octets", event.octets},
            {"subflows", to_json(event.subflows)}};
  }
  json operator()(const event::Gap& event) const {
    return {{"event", "gap"}, {"start_ns", event.start_ns}, {"length_ns", event.length_ns}};
  }
  json operator()(const event::Done& event) const {
    return {{"event", "done"},
            {"mptcp", event.mptcp},
            {"octets", event.octets},
            {"first_ns", event.first_ns},
            {"last_ns", event.last_ns},
            {"sha256", event.sha256},
            {"subflows", to_json(event.subflows)}};
  }
  json operator()(const event::Failed& event) const {
    return {{"event", "failed"}, {"what", event.what}};
  }
};

/// Throws json::exception, or std::invalid_argument for an address.
std::vector<SubflowSample> subflows_from(const json& array) {
  std::vector<SubflowSample> out;
  for (const auto& item : array) {
    const auto local = IpAddress::parse(item.at("local").get<std::string>());
    const auto remote = IpAddress::parse(item.at("remote").get<std::string>());
    if (!local || !remote) throw std::invalid_argument("a subflow's address is not an address");
    out.push_back({.local = *local,
                   .local_port = item.at("local_port").get<std::uint16_t>(),
                   .remote = *remote,
                   .remote_port = item.at("remote_port").get<std::uint16_t>(),
                   .octets = item.at("octets").get<std::uint64_t>(),
                   .rtt_ms = item.at("rtt_ms").get<double>()});
  }
  return out;
}

WorkloadEvent event_from(const json& line) {
  const auto name = line.at("event").get<std::string>();
  if (name == "listening") return event::Listening{};
  if (name == "connected")
    return event::Connected{.mptcp = line.at("mptcp").get<bool>(),
                            .setup_ms = line.at("setup_ms").get<double>()};
  if (name == "sample")
    return event::Sample{.at_ns = line.at("at_ns").get<std::int64_t>(),
                         .octets = line.at("octets").get<std::uint64_t>(),
                         .subflows = subflows_from(line.at("subflows"))};
  if (name == "gap")
    return event::Gap{.start_ns = line.at("start_ns").get<std::int64_t>(),
                      .length_ns = line.at("length_ns").get<std::int64_t>()};
  if (name == "done")
    return event::Done{.mptcp = line.at("mptcp").get<bool>(),
                       .octets = line.at("octets").get<std::uint64_t>(),
                       .first_ns = line.at("first_ns").get<std::int64_t>(),
                       .last_ns = line.at("last_ns").get<std::int64_t>(),
                       .sha256 = line.at("sha256").get<std::string>(),
                       .subflows = subflows_from(line.at("subflows"))};
  if (name == "failed") return event::Failed{line.at("what").get<std::string>()};
  throw std::invalid_argument("unknown event '" + name + "'");
}

}  // namespace

std::string format_workload_event(const WorkloadEvent& event) {
  // Text of the system may be in any encoding; replacing keeps dump() from throwing.
  return std::visit(Formatter{}, event).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<WorkloadEvent> parse_workload_event(std::string_view line) {
  try {
    return event_from(json::parse(line));
  } catch (const std::exception& error) {
    return fail(fmt::format("not a line of a workload's report: {}", error.what()),
                std::string(line.substr(0, 80)));
  }
}

std::vector<std::string> workload_arguments(const WorkloadOptions& options) {
  std::vector<std::string> out;
  if (options.listen)
    out.emplace_back("--listen");
  else
    out.insert(out.end(), {"--connect", options.remote.text()});
  out.emplace_back(options.send ? "--send" : "--receive");
  if (!options.mptcp) out.emplace_back("--tcp");
  if (options.bind) out.insert(out.end(), {"--bind", options.bind->text()});
  out.insert(out.end(), {"--port", std::to_string(options.port)});
  if (options.duration.count() > 0)
    out.insert(out.end(),
               {"--seconds", fmt::format("{}.{:09}", options.duration.count() / 1000000000,
                                         options.duration.count() % 1000000000)});
  if (options.octets > 0) out.insert(out.end(), {"--octets", std::to_string(options.octets)});
  out.insert(out.end(),
             {"--sample-ms",
              std::to_string(std::chrono::ceil<milliseconds>(options.sample_every).count())});
  out.insert(out.end(),
             {"--congestion", options.congestion, "--seed", std::to_string(options.seed)});
  return out;
}

}  // namespace anabranch::lab
