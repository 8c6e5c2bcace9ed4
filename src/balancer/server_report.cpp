// SPDX-License-Identifier: MIT
#include "balancer/server_report.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <steering/server_entries.h>

namespace anabranch::balancer {
namespace {

using nlohmann::json;

/// By the numbers of Announcement::State and of MachineFacts::Listens.
constexpr std::array<std::string_view, 6> kStates{
    "announced", "announced-by-others", "no-address", "in-the-way", "no-room", "refused"};
constexpr std::array<std::string_view, 3> kListeners{"nobody", "tcp", "mptcp"};

/// By the numbers of steer_arrival; docs/balancer.md tells them.
constexpr std::array<std::string_view, STEER_ARRIVALS> kArrivals{
    "unwrapped", "stranger",     "wrapped-other",    "wrapped-badly",
    "join",      "lost-no-join", "lost-fragment",    "lost-malformed",
    "chained",   "lost-hops",    "lost-no-next-hop", "lost-too-long"};

json arrivals_json(const std::optional<std::vector<std::uint64_t>>& arrivals) {
  if (!arrivals) return nullptr;
  auto out = json::object();
  for (std::size_t i = 0; i < kArrivals.size(); ++i)
    out[std::string(kArrivals.at(i))] = arrivals->at(i);
  return out;
}

json balancers_json(const ServerView& view) {
  auto out = json::array();
  for (const auto& one : view.balancers)
    out.push_back({{"address", one.address.text()},
                   {"connected", one.is_connected},
                   {"trouble", one.trouble}});
  return out;
}

std::string balancer_text(const json& one) {
  const auto trouble = one.value("trouble", "");
  return fmt::format("balancer {}: {}\n", one.value("address", ""),
                     one.value("connected", false) ? "connected"
                     : trouble.empty()             ? "not connected"
                                                   : trouble);
}

std::string arrivals_text(const json& arrivals) {
  if (!arrivals.is_object()) return "there is no program in the kernel\n";
  std::string out;
  for (const auto name : kArrivals)
    if (const auto count = arrivals.value(name, std::uint64_t{0}); count != 0)
      out += fmt::format("  {:<20} {}\n", name, count);
  return out.empty() ? "the program in the kernel has had nothing to do\n" : "packets\n" + out;
}

json services_json(const ServerView& view) {
  auto out = json::array();
  for (const auto& service : view.duties.services) {
    const auto listens = view.facts.listeners.find(service);
    const auto places = view.places_from_others.find(service);
    out.push_back(
        {{"address", service.text()},
         {"connections", view.connections.count(service)},
         {"places_from_others",
          places == view.places_from_others.end() ? std::size_t{0} : places->second},
         {"listens", listens == view.facts.listeners.end()
                         ? json()
                         : json(kListeners.at(static_cast<std::size_t>(listens->second)))}});
  }
  return out;
}

json announcements_json(const ServerView& view) {
  auto out = json::array();
  for (const auto& one : view.announcements) {
    json entry{{"address", one.at.address.text()}, {"state", state_name(one.state)}};
    if (one.at.port != 0) entry["port"] = one.at.port;
    out.push_back(std::move(entry));
  }
  return out;
}

std::string service_text(const json& service) {
  const auto listens = service.value("listens", json());
  std::string how = "not looked at yet";
  if (listens == "mptcp") how = "served by MPTCP";
  if (listens == "tcp") how = "served by plain TCP alone";
  if (listens == "nobody") how = "nobody listens";
  return fmt::format("{}  {}, {} MPTCP connections\n", service.value("address", ""), how,
                     service.value("connections", std::uint64_t{0}));
}

std::string announcement_text(const json& one) {
  const auto port = one.value("port", 0);
  return fmt::format("  {}{}: {}\n", one.value("address", ""),
                     port == 0 ? "" : fmt::format(" port {}", port), one.value("state", ""));
}

}  // namespace

std::string_view state_name(Announcement::State state) {
  return kStates.at(static_cast<std::size_t>(state));
}

std::string finding_text(const Finding& finding) {
  return finding.what + (finding.hint.empty() ? "" : "\n  hint: " + finding.hint);
}

std::string server_report_json(const ServerView& view) {
  auto findings = json::array();
  for (const auto& finding : view.findings)
    findings.push_back({{"what", finding.what}, {"hint", finding.hint}});
  const bool userspace = view.facts.manager == kernel::PathManagerType::kUserspace;
  const json out{{"config", view.file},
                 {"server", view.server.name},
                 {"id", view.server.id},
                 {"services", services_json(view)},
                 {"announces", announcements_json(view)},
                 {"initial_address_denied", view.initial_denied},
                 {"path_manager", userspace ? "userspace" : "kernel"},
                 {"connections", view.connections.count()},
                 {"balancers", balancers_json(view)},
                 {"arrivals", arrivals_json(view.arrivals)},
                 {"connections_left_out", view.connections.left_out()},
                 {"findings", std::move(findings)},
                 {"trouble", view.trouble}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> server_report_text(const std::string& report) {
  const json view = json::parse(report, nullptr, false);
  if (!view.is_object()) return fail("the agent's answer is not understood");
  auto out = fmt::format("{} (id {})\n", view.value("server", ""), view.value("id", 0));
  for (const auto& service : view.value("services", json::array())) out += service_text(service);
  out += "\nfurther subflows are told to come to\n";
  const auto announces = view.value("announces", json::array());
  for (const auto& one : announces) out += announcement_text(one);
  if (announces.empty()) out += "  nothing else than the services\n";
  if (view.value("initial_address_denied", false))
    out += "and not to the address that clients connect to\n";
  out += "\n";
  for (const auto& one : view.value("balancers", json::array())) out += balancer_text(one);
  out += arrivals_text(view.value("arrivals", json()));
  const auto findings = view.value("findings", json::array());
  if (!findings.empty()) out += "\n";
  for (const auto& one : findings)
    out += finding_text({one.value("what", ""), one.value("hint", "")}) + "\n";
  if (const auto trouble = view.value("trouble", ""); !trouble.empty())
    out += "\n" + trouble + "\n";
  return out;
}

}  // namespace anabranch::balancer
