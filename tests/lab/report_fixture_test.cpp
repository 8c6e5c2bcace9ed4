// SPDX-License-Identifier: MIT
#include "report_fixture.hpp"

#include <cmath>

namespace anabranch::lab::fixture {
namespace {

InterfaceAddress on(std::string interface, std::string_view prefix) {
  return {std::move(interface), IpPrefix::parse(prefix).value()};
}

Link uplink(unsigned k, double mbit, int delay_ms, double loss) {
  const auto n = std::to_string(k);
  return {"uplink " + n,
          {"gateway", "up" + n},
          {"isp" + n, "access"},
          LinkProfile{.rate = BitRate::mbit(mbit),
                      .delay = milliseconds(delay_ms),
                      .jitter = {},
                      .loss = loss,
                      .queue = {}}};
}

void add_providers(Topology& out, unsigned uplinks) {
  Node server{.name = "server", .title = "server", .addresses = {on("lo", "198.18.0.1/32")}};
  for (unsigned k = 1; k <= uplinks; ++k) {
    const auto n = std::to_string(k);
    out.nodes.push_back({.name = "isp" + n,
                         .title = "provider " + n,
                         .addresses = {on("access", "172.16." + n + ".2/24"),
                                       on("core", "172.17." + n + ".1/24")}});
    out.links.push_back(uplink(k, 10.0 + 10.0 * k, static_cast<int>(5 * k), k == 2 ? 0.001 : 0));
    out.links.push_back({"core " + n, {"isp" + n, "core"}, {"server", "isp" + n}, std::nullopt});
    server.addresses.push_back(on("isp" + n, "172.17." + n + ".2/24"));
  }
  out.nodes.push_back(std::move(server));
}

Node gateway(unsigned uplinks) {
  Node out{.name = "gateway",
           .title = "gateway with " + std::to_string(uplinks) + " uplinks",
           .addresses = {on("lan", "10.1.0.1/16"), on("lan", "10.2.0.1/16")}};
  for (unsigned k = 1; k <= uplinks; ++k)
    out.addresses.push_back(on("up" + std::to_string(k), "172.16." + std::to_string(k) + ".1/24"));
  return out;
}

Series path(std::string label, double mbit, double cut_s, double restored_s) {
  Series out{std::move(label), {}};
  for (int i = 0; i <= 150; ++i) {
    const double at = i / 10.0;
    const bool down = at > cut_s && at < restored_s - 1e-6;
    const double ramp = std::min(1.0, at >= restored_s ? (at - restored_s) / 1.2 : at / 0.8);
    out.points.push_back({at, down ? 0 : mbit * ramp * (1 + 0.03 * std::sin(7 * at + mbit))});
  }
  return out;
}

}  // namespace

ScenarioResult gateway_failover() {
  ScenarioResult out;
  out.scenario = "gateway-failover";
  out.title = "One host, two providers: the first uplink is cut during a transfer";
  out.kernel = "6.12.0";
  out.version = "0.1.0";
  out.topology.nodes = {{.name = "host",
                         .title = "host",
                         .addresses = {on("eth0", "10.1.0.2/16"), on("anab2p2", "10.2.0.2/16")}},
                        gateway(2)};
  out.topology.links = {{"LAN cable", {"host", "eth0"}, {"gateway", "lan"}, std::nullopt}};
  add_providers(out.topology, 2);
  out.charts = {{"Goodput at the server",
                 {path("provider 1", 19.1, 5, 9), path("provider 2", 28.4, 99, 99)},
                 {{5, "uplink 1 cut"}, {9, "uplink 1 restored"}},
                 50}};
  out.measurements = {{"goodput_before_cut", 46.72, "Mbit/s"},
                      {"longest_gap", 157.25, "ms"},
                      {"aggregation", 0.9712, "ratio"},
                      {"octets", 71250000, "octets"},
                      {"subflows", 2, "count"}};
  out.expectations = {at_least("aggregation", 0.9712, 0.95), at_most("longest_gap_ms", 157.25, 800),
                      holds("payload_intact", true)};
  return out;
}

Topology access_network(unsigned hosts, unsigned uplinks) {
  Topology out;
  Lan lan{"office", {}};
  for (unsigned k = 1; k <= hosts; ++k) {
    const auto n = std::to_string(k);
    out.nodes.push_back({.name = "h" + n,
                         .title = "host " + n,
                         .addresses = {on("eth0", "10.1.0." + std::to_string(10 + k) + "/16")}});
    lan.ports.push_back({"h" + n, "eth0"});
  }
  lan.ports.push_back({"gateway", "lan"});
  out.nodes.push_back(gateway(uplinks));
  out.lans.push_back(std::move(lan));
  add_providers(out, uplinks);
  return out;
}

ScenarioResult sixteen_hosts() {
  auto out = gateway_failover();
  out.scenario = "sixteen-hosts";
  out.title = "Sixteen hosts share two providers";
  out.topology = access_network(16, 2);
  out.expectations.push_back(at_least("fairness", 0.81, 0.9));
  return out;
}

}  // namespace anabranch::lab::fixture
