// SPDX-License-Identifier: MIT
#include "lab/scenario_benchmarks.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "lab/process_figures.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr double kForwardingBound = 0.97;
constexpr unsigned kPairs = 12;  ///< of transfers, for each way that packets are forwarded

constexpr std::string_view kForwardingToml = R"([lan]
interface = "lan0"

[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
nat = "none"

[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/16"
nat = "none"

[dhcp]
mode = "off"
)";

/// Reached through the plain router; kServerAddress is reached through the gateway.
const IpAddress kPlainServerAddress = IpAddress::v4(0xc6120002);

/// Two ways from host to server that differ in the middle only: our gateway with two uplinks, and a
/// router with one default route. Two nodes, since a namespace that has once had a rule of its own
/// looks routes up in another way for ever after. Plain cables: the middle is what limits.
Topology forwarding_topology() {
  const auto prefix = [](const char* text) { return IpPrefix::parse(text).value_or(IpPrefix()); };
  const auto address = [](const char* text) {
    return IpAddress::parse(text).value_or(IpAddress());
  };
  Topology topology;
  topology.nodes = {
      {.name = "host",
       .title = "host",
       .addresses = {{"eth0", prefix("10.1.0.2/16")}, {"eth1", prefix("10.3.0.2/16")}},
       .routes = {{IpPrefix::host(kServerAddress), address("10.1.0.1"), "eth0"},
                  {IpPrefix::host(kPlainServerAddress), address("10.3.0.1"), "eth1"}}},
      {.name = "gateway",
       .title = "gateway with our rules",
       .addresses = {{"up1", prefix("172.16.1.1/24")}, {"up2", prefix("172.16.2.1/24")}},
       .roles = {{"gateway",
                  {"anabranch", "gateway", "run", "-c", std::string(kNodeFiles) + "/gateway.toml"},
                  {{"gateway.toml", std::string(kForwardingToml)}}}}},
      {.name = "router",
       .title = "plain router",
       .addresses = {{"lan0", prefix("10.3.0.1/16")}, {"up1", prefix("172.16.3.1/24")}},
       .routes = {{IpPrefix::any(Family::kIpv4), address("172.16.3.2"), "up1"}},
       .sysctls = {{"net/ipv4/ip_forward", "1"}}},
      {.name = "server",
       .title = "server",
       .addresses = {{"lo", IpPrefix::host(kServerAddress)},
                     {"lo", IpPrefix::host(kPlainServerAddress)},
                     {"s1", prefix("172.16.1.2/24")},
                     {"s2", prefix("172.16.2.2/24")},
                     {"s3", prefix("172.16.3.2/24")}},
       .routes = {{prefix("10.1.0.0/16"), address("172.16.1.1"), "s1"},
                  {prefix("10.3.0.0/16"), address("172.16.3.1"), "s3"}}}};
  const auto cable = [](const char* name, Endpoint a, Endpoint b) {
    return Link{name, std::move(a), std::move(b), std::nullopt};
  };
  topology.links = {cable("lan", {"host", "eth0"}, {"gateway", "lan0"}),
                    cable("plain-lan", {"host", "eth1"}, {"router", "lan0"}),
                    cable("isp1", {"gateway", "up1"}, {"server", "s1"}),
                    cable("isp2", {"gateway", "up2"}, {"server", "s2"}),
                    cable("plain", {"router", "up1"}, {"server", "s3"})};
  return topology;
}

Result<BitRate> forwarding_rate(const Network& network, const IpAddress& server, bool upload) {
  const TransferPlan plan{.client = "host",
                          .server = "server",
                          .server_address = server,
                          .upload = upload,
                          .mptcp = false,
                          .duration = seconds(1)};
  const auto outcome = run_transfers(network, {plan});
  if (!outcome) return std::unexpected(outcome.error());
  return outcome->records.front().goodput();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Median over pairs of transfers, one through our gateway and one through the plain router.
Result<double> forwarding_ratio(ScenarioRun& run, const std::string& name, unsigned done) {
  std::vector<double> ratios;
  std::vector<double> rates;
  for (unsigned pair = 0; pair < kPairs; ++pair) {
    const bool upload = pair % 2 == 1;
    run.progress.step(
        fmt::format("pair {}, packets {}, {}", done + pair + 1, name, direction_name(upload)),
        seconds(2));
    // The order changes from pair to pair, so that a drift of the machine favours neither.
    const bool ours_first = pair / 2 % 2 == 0;
    const auto first =
        forwarding_rate(run.network, ours_first ? kServerAddress : kPlainServerAddress, upload);
    if (!first) return std::unexpected(first.error());
    const auto second =
        forwarding_rate(run.network, ours_first ? kPlainServerAddress : kServerAddress, upload);
    if (!second) return std::unexpected(second.error());
    const BitRate with_rules = ours_first ? *first : *second;
    const BitRate without = ours_first ? *second : *first;
    ratios.push_back(with_rules.mbit() / without.mbit());
    rates.push_back(with_rules.mbit());
    run.progress.finish_step(
        fmt::format("{} / {} = {:.3f}", with_rules.text(), without.text(), ratios.back()));
  }
  run.measure("forwarding_goodput_" + name, median(rates), "Mbit/s");
  run.measure("forwarding_ratio_" + name + "_min", *std::ranges::min_element(ratios), "ratio");
  run.measure("forwarding_ratio_" + name + "_max", *std::ranges::max_element(ratios), "ratio");
  run.measure("forwarding_ratio_" + name, median(ratios), "ratio");
  return median(ratios);
}

Result<void> gateway_forwarding(ScenarioRun& run) {
  ANABRANCH_TRY(run.network.start_roles("gateway"));
  const auto deadline = MonotonicClock::now() + seconds(10);
  while (!run.network.ask("gateway", "gateway", "show")) {
    if (MonotonicClock::now() > deadline) return fail("the gateway was not ready in time");
    pause_briefly();
  }
  // As a router is by default: the receiving side merges segments of a connection, and a packet
  // that is forwarded stands for many.
  const auto merged = forwarding_ratio(run, "merged", 0);
  if (!merged) return std::unexpected(merged.error());
  // The hardest case, every packet forwarded by itself.
  for (const auto& link : run.result.topology.links)
    for (const auto& end : {link.a, link.b})
      ANABRANCH_TRY(run.network.turn_offloads_off(end.node, end.interface));
  const auto single = forwarding_ratio(run, "single", kPairs);
  if (!single) return std::unexpected(single.error());
  // Linux looks routes up in a slower way as soon as a namespace has any rule: what is ours of the
  // cost shows against a router that has one.
  const auto ruled = run.network.run(
      "router", {"ip", "rule", "add", "pref", "500", "from", "203.0.113.0/24", "lookup", "main"});
  if (!ruled) return std::unexpected(ruled.error());
  if (ruled->exit_code != 0) return fail("cannot give the router a rule: " + ruled->errors);
  const auto against_rule = forwarding_ratio(run, "single_against_one_rule", 2 * kPairs);
  if (!against_rule) return std::unexpected(against_rule.error());
  run.expect(at_least("forwarding_ratio_merged", *merged, kForwardingBound));
  run.expect(at_least("forwarding_ratio_single", *single, kForwardingBound));
  run.expect(at_least("forwarding_ratio_single_against_one_rule", *against_rule, kForwardingBound));
  return {};
}

Result<void> roles_idle(ScenarioRun& run) {
  run.progress.step("roles start", seconds(5));
  if (const auto ready = start_single_homed_roles(run.network); !ready)
    return std::unexpected(ready.error());
  std::vector<std::pair<std::string, pid_t>> roles;
  for (const auto& [node, role] : {std::pair{"gateway", "gateway"}, std::pair{"host", "host"}}) {
    const auto pid = run.network.role_pid(node, role);
    if (!pid) return std::unexpected(pid.error());
    roles.emplace_back(role, *pid);
  }
  roles.emplace_back("wire", run.network.wire_pid());
  run.progress.finish_step("");
  const nanoseconds span = seconds(run.scale == Scale::kFull ? 60 : 10);
  run.progress.step("nothing happens", span);
  std::vector<ProcessFigures> before;
  for (const auto& [name, pid] : roles) {
    const auto figures = process_figures(pid);
    if (!figures) return std::unexpected(figures.error());
    before.push_back(*figures);
  }
  // The measurement is the passing of time itself.
  ::sleep(static_cast<unsigned>(std::chrono::duration_cast<seconds>(span).count()));
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const auto figures = process_figures(roles[i].second);
    if (!figures) return std::unexpected(figures.error());
    run.measure(roles[i].first + "_resident", figures->resident_kilobytes / 1000, "MB");
    run.measure(roles[i].first + "_processor",
                100 * (figures->processor_ms - before[i].processor_ms) * 1e6 /
                    static_cast<double>(span.count()),
                "%");
  }
  run.progress.finish_step("");
  return {};
}

/// What one TCP gets through an emulated link, and what the emulator needs for it.
Result<void> wire_limits(ScenarioRun& run) {
  constexpr nanoseconds kDuration = seconds(4);
  for (const unsigned mbit : {100u, 500u, 1000u, 0u}) {
    const std::string name = mbit == 0 ? "unlimited" : fmt::format("{}mbit", mbit);
    run.progress.step("one TCP at " + name, kDuration);
    ANABRANCH_TRY(
        run.network.wire().set("isp1", {.rate = BitRate::mbit(mbit), .delay = milliseconds(1)}));
    const auto before = process_figures(run.network.wire_pid());
    const TransferPlan plan{.client = "host",
                            .server = "server",
                            .server_address = kServerAddress,
                            .mptcp = false,
                            .duration = kDuration};
    const auto outcome = run_transfers(run.network, {plan});
    if (!outcome) return std::unexpected(outcome.error());
    const auto after = process_figures(run.network.wire_pid());
    if (!before || !after) return fail("the wire process is gone");
    const auto& receiver = outcome->records.front().receiver;
    const double span_ms = static_cast<double>(receiver.last_ns - receiver.first_ns) / 1e6;
    const BitRate goodput = outcome->records.front().goodput();
    const double processor = 100 * (after->processor_ms - before->processor_ms) / span_ms;
    run.measure("goodput_" + name, goodput.mbit(), "Mbit/s");
    run.measure("wire_processor_" + name, processor, "%");
    run.progress.finish_step(fmt::format("{}, {:.0f} % of a core", goodput.text(), processor));
  }
  return {};
}

/// One emulated link and nothing else that could limit: host, provider, server in a row.
Topology wire_limits_topology() {
  Topology topology;
  topology.nodes = {
      {.name = "host",
       .title = "host",
       .addresses = {{"eth0", *IpPrefix::parse("172.16.1.1/24")}},
       .routes = {{IpPrefix::any(Family::kIpv4), *IpAddress::parse("172.16.1.2"), "eth0"}}},
      {.name = "server",
       .title = "server",
       .addresses = {{"lo", IpPrefix::host(kServerAddress)},
                     {"s1", *IpPrefix::parse("172.16.1.2/24")}}}};
  topology.links = {
      {"isp1", {"host", "eth0"}, {"server", "s1"}, LinkProfile{.delay = milliseconds(1)}}};
  return topology;
}

}  // namespace

Scenario gateway_forwarding_scenario() {
  return {"gateway-forwarding", "Forwarding with the gateway's rules against plain routing",
          forwarding_topology,  [](Scale) { return 3 * kPairs; },
          gateway_forwarding,   true};
}

Scenario roles_idle_scenario() {
  return {"roles-idle",
          "Memory and processor time of idle roles",
          [] {
            const LinkProfile uplink{.rate = BitRate::mbit(20), .delay = milliseconds(10)};
            return single_homed_topology({.uplinks = {uplink, uplink}});
          },
          [](Scale) { return 2u; },
          roles_idle,
          true};
}

Scenario wire_limits_scenario() {
  return {"wire-limits",        "What the link emulator carries, and at what cost",
          wire_limits_topology, [](Scale) { return 4u; },
          wire_limits,          true};
}

}  // namespace anabranch::lab
