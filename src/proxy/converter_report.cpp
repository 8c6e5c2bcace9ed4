// SPDX-License-Identifier: MIT
#include "proxy/converter_report.hpp"

#include <array>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "proxy/relay_report.hpp"

namespace anabranch::proxy {
namespace {

using nlohmann::json;
using status::Metric;
using enum status::MetricType;

// A metric is named by its place here.
enum : std::size_t {
  kConnections,
  kSettingUp,
  kClients,
  kMemory,
  kAccepted,
  kMptcp,
  kUpstreamMptcp,
  kSetups,
  kRules,
  kErrorsUnsaid,
  kStarved,
  kToServers,
  kToClients,
  kIncoming,
  kIncomingSetups,
  kIncomingReachable,
  kEnded,
  kHeld,
  kWorkers,
  kDraining,
  kMappingsLost,
  kCount,
};

constexpr std::array<status::MetricDefinition, kCount> kDefinitions{{
    {"anabranch_converter_connections", kGauge, "Connections that are relayed now."},
    {"anabranch_converter_connections_in_setup", kGauge,
     "Connections of clients whose destination is not connected yet."},
    {"anabranch_converter_clients", kGauge, "Clients that have a connection."},
    {"anabranch_converter_memory_bytes", kGauge,
     "Held for connections: an allowance for each, and their buffers where there is a limit."},
    {"anabranch_converter_accepted_connections_total", kCounter, "Connections of clients."},
    {"anabranch_converter_accepted_mptcp_connections_total", kCounter,
     "Connections of clients by MPTCP."},
    {"anabranch_converter_upstream_mptcp_connections_total", kCounter,
     "Connections to servers by MPTCP."},
    {"anabranch_converter_setups_total", kCounter,
     "Set-ups that have ended, by what became of them."},
    {"anabranch_converter_rule_connections_total", kCounter, "Connections that the rule held for."},
    {"anabranch_converter_errors_unsaid_total", kCounter,
     "Connections that were reset because their client had been told too many errors."},
    {"anabranch_converter_starved_total", kCounter,
     "Times that descriptors or memory had run out and nobody was let in for a moment."},
    {"anabranch_converter_to_servers_bytes_total", kCounter, "Carried from clients to servers."},
    {"anabranch_converter_to_clients_bytes_total", kCounter, "Carried from servers to clients."},
    {"anabranch_converter_incoming_connections_total", kCounter,
     "Connections of remote hosts to a port of [[incoming]]."},
    {"anabranch_converter_incoming_setups_total", kCounter,
     "Set-ups of these that have ended, by what became of them."},
    {"anabranch_converter_incoming_reachable", kGauge,
     "1 while the CPE of the port can be reached, else 0."},
    {"anabranch_converter_ended_connections_total", kCounter,
     "Connections that were relayed, by how they ended."},
    {"anabranch_converter_held_bytes", kGauge,
     "Read from one side and not taken by the other yet."},
    {"anabranch_converter_workers", kGauge, "Threads that take new connections."},
    {"anabranch_converter_draining", kGauge, "1 while no new connections are taken, else 0."},
    {"anabranch_converter_lost_mappings_total", kCounter,
     "Lines that are missing in the log of mappings since the disk was too slow."},
}};

json incoming_json(const ConverterView& view) {
  auto out = json::array();
  for (const auto& one : view.incoming)
    out.push_back({{"name", one.port.name},
                   {"listen", incoming_text(one.port.listen)},
                   {"client", incoming_text(one.port.to)},
                   {"reachable", one.reachable},
                   {"connections", one.counts.relays.running},
                   {"accepted", one.counts.accepted},
                   {"outcomes", one.counts.outcomes}});
  return out;
}

double figure(std::uint64_t count) {
  return static_cast<double>(count);
}

}  // namespace

std::string converter_report_json(const ConverterView& view) {
  const auto& counts = view.counts;
  auto listen = json::array();
  for (const auto& endpoint : view.settings.listen) listen.push_back(endpoint.text());
  auto rules = json::array();
  for (const auto& rule : view.settings.rules) {
    const auto found = counts.rules.find(rule.name);
    rules.push_back({{"name", rule.name},
                     {"action", action_name(rule.action)},
                     {"connections", found == counts.rules.end() ? 0 : found->second}});
  }
  const json out{{"config", view.file},
                 {"listen", std::move(listen)},
                 {"workers", view.workers},
                 {"draining", view.draining},
                 {"clients", view.clients},
                 {"memory", view.memory},
                 {"memory_limit", view.settings.limits.memory},
                 {"connections", counts.relays.running},
                 {"connections_in_setup", counts.setting_up},
                 {"accepted", counts.accepted},
                 {"accepted_mptcp", counts.mptcp},
                 {"upstream_mptcp", counts.upstream_mptcp},
                 {"outcomes", counts.outcomes},
                 {"ended", ended_by_name(counts.relays)},
                 {"octets_held", counts.relays.held},
                 {"mappings_lost", view.mappings_lost},
                 {"rules", std::move(rules)},
                 {"incoming", incoming_json(view)},
                 {"errors_unsaid", counts.errors_unsaid},
                 {"starved", counts.starved},
                 {"octets_to_servers", counts.relays.octets_to_server},
                 {"octets_to_clients", counts.relays.octets_to_client}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> converter_report_text(const std::string& report) {
  const json view = json::parse(report, nullptr, false);
  if (!view.is_object()) return fail("the converter's answer is not understood");
  const auto number = [&](const char* key) { return view.value(key, std::uint64_t{0}); };
  std::string listen;
  for (const auto& one : view.value("listen", json::array()))
    listen += (listen.empty() ? "" : ", ") + one.get<std::string>();
  auto out = fmt::format("converter on {}, {} worker{}{}\n", listen, number("workers"),
                         number("workers") == 1 ? "" : "s",
                         view.value("draining", false) ? ", draining" : "");
  out += fmt::format(
      "{} connections of {} clients, {} being set up; {} to servers, {} to clients\n",
      number("connections"), number("clients"), number("connections_in_setup"),
      octets_text(number("octets_to_servers")), octets_text(number("octets_to_clients")));
  if (number("memory_limit") != 0)
    out += fmt::format("{} of {} of memory held for them\n", octets_text(number("memory")),
                       octets_text(number("memory_limit")));
  out += fmt::format("{} accepted so far, {} by MPTCP; {} servers by MPTCP\n", number("accepted"),
                     number("accepted_mptcp"), number("upstream_mptcp"));
  const auto outcomes = view.value("outcomes", json::object());
  for (const auto& [name, count] : outcomes.items())
    out += fmt::format("  {:<20} {}\n", name, count.get<std::uint64_t>());
  if (number("mappings_lost") != 0)
    out += fmt::format("{} lines are missing in the log of mappings\n", number("mappings_lost"));
  for (const auto& rule : view.value("rules", json::array()))
    out += fmt::format("  rule {} ({}): {}\n", rule.value("name", ""), rule.value("action", ""),
                       rule.value("connections", std::uint64_t{0}));
  for (const auto& one : view.value("incoming", json::array()))
    out += fmt::format("  incoming {} {} to {}: {} connections, {} so far{}\n",
                       one.value("name", ""), one.value("listen", ""), one.value("client", ""),
                       one.value("connections", std::uint64_t{0}),
                       one.value("accepted", std::uint64_t{0}),
                       one.value("reachable", true) ? "" : ", cannot be reached");
  return out;
}

std::span<const status::MetricDefinition> converter_metric_definitions() {
  return kDefinitions;
}

std::vector<Metric> converter_metrics(const ConverterView& view) {
  const auto& counts = view.counts;
  std::vector<Metric> out;
  const auto add = [&](std::size_t which, std::uint64_t count) {
    out.push_back({&kDefinitions.at(which), {}, figure(count)});
  };
  add(kConnections, counts.relays.running);
  add(kSettingUp, counts.setting_up);
  add(kClients, view.clients);
  add(kMemory, view.memory);
  add(kAccepted, counts.accepted);
  add(kMptcp, counts.mptcp);
  add(kUpstreamMptcp, counts.upstream_mptcp);
  for (const auto& [name, count] : counts.outcomes)
    out.push_back({&kDefinitions.at(kSetups), {{"outcome", name}}, figure(count)});
  for (const auto& [name, count] : counts.rules)
    out.push_back({&kDefinitions.at(kRules), {{"rule", name}}, figure(count)});
  add(kErrorsUnsaid, counts.errors_unsaid);
  add(kStarved, counts.starved);
  add(kToServers, counts.relays.octets_to_server);
  add(kToClients, counts.relays.octets_to_client);
  for (const auto& one : view.incoming) {
    out.push_back(
        {&kDefinitions.at(kIncoming), {{"port", one.port.name}}, figure(one.counts.accepted)});
    for (const auto& [name, count] : one.counts.outcomes)
      out.push_back({&kDefinitions.at(kIncomingSetups),
                     {{"port", one.port.name}, {"outcome", name}},
                     figure(count)});
    out.push_back({&kDefinitions.at(kIncomingReachable),
                   {{"port", one.port.name}},
                   one.reachable ? 1.0 : 0.0});
  }
  for (const auto& [name, count] : ended_by_name(counts.relays))
    out.push_back({&kDefinitions.at(kEnded), {{"reason", name}}, figure(count)});
  add(kHeld, counts.relays.held);
  add(kWorkers, view.workers);
  add(kDraining, view.draining ? 1 : 0);
  add(kMappingsLost, view.mappings_lost);
  return out;
}

}  // namespace anabranch::proxy
