// SPDX-License-Identifier: MIT
#include "proxy/cpe_report.hpp"

#include <array>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "proxy/interception_rules.hpp"
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
  kHosts,
  kMemory,
  kReachable,
  kUnreachable,
  kAccepted,
  kSynData,
  kFellBack,
  kSetups,
  kDirect,
  kFirstAnswers,
  kOwnMptcp,
  kRefused,
  kFull,
  kRules,
  kStarved,
  kToServers,
  kToHosts,
  kIncoming,
  kIncomingSetups,
  kEnded,
  kHeld,
  kWorkers,
  kTaken,
  kConverterSynData,
  kLocal,
  kCount,
};

constexpr std::array<status::MetricDefinition, kCount> kDefinitions{{
    {"anabranch_cpe_connections", kGauge, "Connections that are relayed now."},
    {"anabranch_cpe_connections_in_setup", kGauge,
     "Connections of hosts of which it is not known yet what becomes of them."},
    {"anabranch_cpe_hosts", kGauge, "Hosts that have a connection."},
    {"anabranch_cpe_memory_bytes", kGauge,
     "Held for connections: an allowance for each, and their buffers where there is a limit."},
    {"anabranch_cpe_converter_reachable", kGauge,
     "1 while the converter gets connections, else 0."},
    {"anabranch_cpe_converter_unreachable_total", kCounter,
     "Times that the converter was left out."},
    {"anabranch_cpe_accepted_connections_total", kCounter, "Connections of hosts that were taken."},
    {"anabranch_cpe_syn_data_connections_total", kCounter,
     "Connections to a converter that took the destination out of the SYN."},
    {"anabranch_cpe_plain_tcp_connections_total", kCounter,
     "Connections to a converter that fell back to plain TCP."},
    {"anabranch_cpe_setups_total", kCounter, "Set-ups that have ended, by what became of them."},
    {"anabranch_cpe_direct_connections_total", kCounter,
     "Connections that were taken and went to their destination directly, by reason."},
    {"anabranch_cpe_first_answers_total", kCounter,
     "Connections whose SYN went over two uplinks, by the uplink that was answered first."},
    {"anabranch_cpe_own_mptcp_syns_total", kCounter,
     "SYNs of hosts that speak MPTCP themselves, which were left alone."},
    {"anabranch_cpe_refused_lately_syns_total", kCounter,
     "SYNs that were left alone since their destination had refused a connection lately."},
    {"anabranch_cpe_beyond_limit_syns_total", kCounter,
     "SYNs that were left alone since their host had met a limit lately."},
    {"anabranch_cpe_rule_syns_total", kCounter, "SYNs that the rule held for."},
    {"anabranch_cpe_starved_total", kCounter,
     "Times that descriptors or memory had run out and no connection was taken for a moment."},
    {"anabranch_cpe_to_servers_bytes_total", kCounter, "Carried from hosts to servers."},
    {"anabranch_cpe_to_hosts_bytes_total", kCounter, "Carried from servers to hosts."},
    {"anabranch_cpe_incoming_connections_total", kCounter,
     "Connections that a converter brought to a port of [[incoming]]."},
    {"anabranch_cpe_incoming_setups_total", kCounter,
     "Set-ups of these that have ended, by what became of them."},
    {"anabranch_cpe_ended_connections_total", kCounter,
     "Connections that were relayed, by how they ended."},
    {"anabranch_cpe_held_bytes", kGauge, "Read from one side and not taken by the other yet."},
    {"anabranch_cpe_workers", kGauge, "Threads that take new connections."},
    {"anabranch_cpe_taken_syns_total", kCounter, "SYNs of hosts that were taken."},
    {"anabranch_cpe_converter_syn_data", kGauge,
     "1 while SYNs to the converter carry the destination, 0 after its path has lost that."},
    {"anabranch_cpe_local_connections_total", kCounter, "Connections of clients of a [[local]]."},
}};

double figure(std::uint64_t count) {
  return static_cast<double>(count);
}

json incoming_json(const CpeView& view) {
  auto out = json::array();
  for (const auto& one : view.incoming)
    out.push_back({{"name", one.port.name},
                   {"listen", incoming_text(one.port.listen)},
                   {"host", incoming_text(one.port.to)},
                   {"connections", one.counts.relays.running},
                   {"accepted", one.counts.accepted},
                   {"outcomes", one.counts.outcomes}});
  return out;
}

json local_json(const CpeView& view) {
  auto out = json::array();
  for (const auto& one : view.local)
    out.push_back({{"listen", one.settings.listen.text()},
                   {"protocol", local_protocol_name(one.settings.protocol)},
                   {"connections", one.connections},
                   {"accepted", one.counts.accepted},
                   {"outcomes", one.counts.outcomes}});
  return out;
}

json single_json(const CpeView& view) {
  if (!view.settings.single) return nullptr;
  auto users = json::array();
  for (const auto& [first, last] : view.settings.single->users)
    users.push_back(first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last));
  return {{"uids", std::move(users)}, {"cgroups", view.settings.single->cgroups}};
}

/// Whose connections are taken, in words.
std::string taken_text(const json& view) {
  std::string out;
  const auto add = [&](const std::string& what) { out += (out.empty() ? "" : ", ") + what; };
  for (const auto& name : view.value("lan", json::array()))
    add("hosts behind " + name.get<std::string>());
  const auto single = view.value("single", json());
  if (!single.is_object()) return out;
  const auto users = single.value("uids", json::array());
  const auto cgroups = single.value("cgroups", json::array());
  for (const auto& user : users) add("uid " + user.get<std::string>());
  for (const auto& cgroup : cgroups) add("cgroup " + cgroup.get<std::string>());
  if (users.empty() && cgroups.empty()) add("this machine");
  return out;
}

std::uint64_t packets(const CpeView& view, std::string_view counter) {
  const auto found = view.packets.find(std::string(counter));
  return found == view.packets.end() ? 0 : found->second;
}

/// What it held for: connections that came to the nft table, and to local doors.
std::uint64_t rule_count(const CpeView& view, std::size_t rule) {
  const auto asked = view.counts.rules.find(view.settings.rules[rule].name);
  return packets(view, rule_counter(rule)) + (asked == view.counts.rules.end() ? 0 : asked->second);
}

}  // namespace

std::string cpe_report_json(const CpeView& view) {
  const auto& counts = view.counts;
  auto converters = json::array();
  for (const auto& one : view.converters)
    converters.push_back({{"name", one.entry.name},
                          {"endpoint", one.entry.endpoint.text()},
                          {"weight", one.entry.weight},
                          {"told_by", one.entry.told_by},
                          {"reachable", one.reachable},
                          {"why", one.why},
                          {"syn_data", one.syn_data},
                          {"cookie", one.cookie},
                          {"times_unreachable", one.times_unreachable}});
  auto rules = json::array();
  for (std::size_t i = 0; i < view.settings.rules.size(); ++i)
    rules.push_back({{"name", view.settings.rules[i].name},
                     {"action", action_name(view.settings.rules[i].action)},
                     {"syns", rule_count(view, i)}});
  const json out{{"config", view.file},
                 {"lan", view.settings.lan},
                 {"single", single_json(view)},
                 {"local", local_json(view)},
                 {"workers", view.workers},
                 {"port", view.port},
                 {"converters", std::move(converters)},
                 {"converters_from_dhcp", view.settings.converters_from_dhcp},
                 {"host_roles", view.host_roles},
                 {"rules", std::move(rules)},
                 {"incoming", incoming_json(view)},
                 {"hosts", view.hosts},
                 {"memory", view.memory},
                 {"memory_limit", view.settings.limits.memory},
                 {"connections", counts.relays.running},
                 {"connections_in_setup", counts.setting_up},
                 {"accepted", counts.accepted},
                 {"syn_data", counts.syn_data},
                 {"plain_tcp", counts.fell_back},
                 {"outcomes", counts.outcomes},
                 {"ended", ended_by_name(counts.relays)},
                 {"octets_held", counts.relays.held},
                 {"direct", counts.direct},
                 {"first_answers", counts.first_answers},
                 {"taken_syns", packets(view, kTakenCounter)},
                 {"own_mptcp_syns", packets(view, kMptcpCounter)},
                 {"refused_lately_syns", packets(view, kRefusedCounter)},
                 {"beyond_limit_syns", packets(view, kFullCounter)},
                 {"starved", counts.starved},
                 {"octets_to_servers", counts.relays.octets_to_server},
                 {"octets_to_hosts", counts.relays.octets_to_client}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

std::string converter_line(const json& one) {
  const auto endpoint = one.value("endpoint", "");
  const auto interface = one.value("told_by", "");
  return fmt::format(
      "converter {}: {}{}\n",
      interface.empty() ? fmt::format("{} {}", one.value("name", ""), endpoint)
                        : fmt::format("{} (DHCP, {})", endpoint, interface),
      one.value("reachable", false) ? "reachable" : "left out: " + one.value("why", ""),
      one.value("syn_data", true) ? "" : ", no data in SYNs");
}

/// Empty while there is a converter.
std::string why_none(const json& view) {
  if (!view.value("converters", json::array()).empty()) return {};
  std::string interfaces;
  for (const auto& one : view.value("host_roles", json::array()))
    interfaces += (interfaces.empty() ? "" : ", ") + one.get<std::string>();
  return "no converter is known, all connections go direct: " +
         (interfaces.empty() ? "no host role runs here that DHCP could have told of one"
                             : "DHCP has told of none on " + interfaces) +
         "\n";
}

}  // namespace

Result<std::string> cpe_report_text(const std::string& report) {
  const json view = json::parse(report, nullptr, false);
  if (!view.is_object()) return fail("the CPE's answer is not understood");
  const auto number = [&](const char* key) { return view.value(key, std::uint64_t{0}); };
  std::string out;
  for (const auto& one : view.value("converters", json::array())) out += converter_line(one);
  out += why_none(view);
  if (const auto taken = taken_text(view); !taken.empty())
    out += fmt::format("takes connections of {}\n", taken);
  out +=
      fmt::format("{} connections of {} hosts, {} being set up; {} to servers, {} to hosts\n",
                  number("connections"), number("hosts"), number("connections_in_setup"),
                  octets_text(number("octets_to_servers")), octets_text(number("octets_to_hosts")));
  if (number("memory_limit") != 0)
    out += fmt::format("{} of {} of memory held for them\n", octets_text(number("memory")),
                       octets_text(number("memory_limit")));
  out += fmt::format(
      "{} taken so far, {} with the destination in the SYN, {} fell back to plain TCP; left alone: "
      "{} that speak MPTCP, {} refused lately, {} beyond a limit\n",
      number("accepted"), number("syn_data"), number("plain_tcp"), number("own_mptcp_syns"),
      number("refused_lately_syns"), number("beyond_limit_syns"));
  const auto outcomes = view.value("outcomes", json::object());
  for (const auto& [name, count] : outcomes.items())
    out += fmt::format("  {:<24} {}\n", name, count.get<std::uint64_t>());
  const auto direct = view.value("direct", json::object());
  for (const auto& [name, count] : direct.items())
    out += fmt::format("  direct: {:<16} {}\n", name, count.get<std::uint64_t>());
  const auto first_answers = view.value("first_answers", json::object());
  for (const auto& [uplink, count] : first_answers.items())
    out += fmt::format("  answered first: {:<8} {}\n", uplink, count.get<std::uint64_t>());
  for (const auto& rule : view.value("rules", json::array()))
    out += fmt::format("  rule {} ({}): {}\n", rule.value("name", ""), rule.value("action", ""),
                       rule.value("syns", std::uint64_t{0}));
  for (const auto& one : view.value("incoming", json::array()))
    out += fmt::format("  incoming {} {} to {}: {} connections, {} so far\n", one.value("name", ""),
                       one.value("listen", ""), one.value("host", ""),
                       one.value("connections", std::uint64_t{0}),
                       one.value("accepted", std::uint64_t{0}));
  for (const auto& one : view.value("local", json::array()))
    out += fmt::format("  local {} ({}): {} connections, {} so far\n", one.value("listen", ""),
                       one.value("protocol", ""), one.value("connections", std::uint64_t{0}),
                       one.value("accepted", std::uint64_t{0}));
  return out;
}

std::span<const status::MetricDefinition> cpe_metric_definitions() {
  return kDefinitions;
}

std::vector<Metric> cpe_metrics(const CpeView& view) {
  const auto& counts = view.counts;
  std::vector<Metric> out;
  const auto add = [&](std::size_t which, std::uint64_t count) {
    out.push_back({&kDefinitions.at(which), {}, figure(count)});
  };
  add(kConnections, counts.relays.running);
  add(kSettingUp, counts.setting_up);
  add(kHosts, view.hosts);
  add(kMemory, view.memory);
  for (const auto& one : view.converters) {
    out.push_back(
        {&kDefinitions.at(kReachable), {{"converter", one.entry.name}}, one.reachable ? 1.0 : 0.0});
    out.push_back({&kDefinitions.at(kUnreachable),
                   {{"converter", one.entry.name}},
                   figure(one.times_unreachable)});
    out.push_back({&kDefinitions.at(kConverterSynData),
                   {{"converter", one.entry.name}},
                   one.syn_data ? 1.0 : 0.0});
  }
  add(kAccepted, counts.accepted);
  add(kSynData, counts.syn_data);
  add(kFellBack, counts.fell_back);
  for (const auto& [name, count] : counts.outcomes)
    out.push_back({&kDefinitions.at(kSetups), {{"outcome", name}}, figure(count)});
  for (const auto& [name, count] : counts.direct)
    out.push_back({&kDefinitions.at(kDirect), {{"reason", name}}, figure(count)});
  for (const auto& [uplink, count] : counts.first_answers)
    out.push_back({&kDefinitions.at(kFirstAnswers), {{"uplink", uplink}}, figure(count)});
  add(kOwnMptcp, packets(view, kMptcpCounter));
  add(kRefused, packets(view, kRefusedCounter));
  add(kFull, packets(view, kFullCounter));
  for (std::size_t i = 0; i < view.settings.rules.size(); ++i)
    out.push_back({&kDefinitions.at(kRules),
                   {{"rule", view.settings.rules[i].name}},
                   figure(rule_count(view, i))});
  add(kStarved, counts.starved);
  add(kToServers, counts.relays.octets_to_server);
  add(kToHosts, counts.relays.octets_to_client);
  for (const auto& one : view.incoming) {
    out.push_back(
        {&kDefinitions.at(kIncoming), {{"port", one.port.name}}, figure(one.counts.accepted)});
    for (const auto& [name, count] : one.counts.outcomes)
      out.push_back({&kDefinitions.at(kIncomingSetups),
                     {{"port", one.port.name}, {"outcome", name}},
                     figure(count)});
  }
  for (const auto& [name, count] : ended_by_name(counts.relays))
    out.push_back({&kDefinitions.at(kEnded), {{"reason", name}}, figure(count)});
  add(kHeld, counts.relays.held);
  add(kWorkers, view.workers);
  add(kTaken, packets(view, kTakenCounter));
  for (const auto& one : view.local)
    out.push_back({&kDefinitions.at(kLocal),
                   {{"listen", one.settings.listen.text()}},
                   figure(one.counts.accepted)});
  return out;
}

}  // namespace anabranch::proxy
