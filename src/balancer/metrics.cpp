// SPDX-License-Identifier: MIT
#include "balancer/metrics.hpp"

#include <algorithm>
#include <array>

#include "balancer/reasons.hpp"

namespace anabranch::balancer {
namespace {

using status::Metric;
using enum status::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

// A metric is named by its place here.
enum : std::size_t {
  kPackets,
  kNoted,
  kServerPackets,
  kServerOctets,
  kUp,
  kChecks,
  kShare,
  kPanic,
  kDrained,
  kRings,
  kReloads,
  kCount,
};

constexpr std::array<status::MetricDefinition, kCount> kDefinitions{{
    {"anabranch_balancer_packets_total", kCounter,
     "Packets of the service by what became of them: where they went (by-) or why they were "
     "dropped (lost-)."},
    {"anabranch_balancer_noted_total", kCounter,
     "What is counted beside that: complaints, odd-options, joins, capables, unlearned."},
    {"anabranch_balancer_server_packets_total", kCounter, "Packets sent to the server."},
    {"anabranch_balancer_server_bytes_total", kCounter,
     "Octets of these packets, from their IP header on."},
    {"anabranch_balancer_server_up", kGauge,
     "1 while the server's checks say that it serves, else 0. None where nothing is checked."},
    {"anabranch_balancer_server_checks_total", kCounter,
     "Checks of the server since the balancer began, by outcome."},
    {"anabranch_balancer_server_share_ratio", kGauge,
     "The server's part of the places of the service's ring, 0 to 1."},
    {"anabranch_balancer_panic", kGauge,
     "1 while all servers of the service are down and all get connections, else 0."},
    {"anabranch_balancer_server_drained", kGauge, "1 while the server is drained, else 0."},
    {"anabranch_balancer_rings_written_total", kCounter,
     "Rings that were put into the kernel since the balancer began."},
    {"anabranch_balancer_reloads_total", kCounter,
     "Changed files that were taken over since the balancer began."},
}};

class Figures {
 public:
  template <class Number>
  void add(std::size_t which, Labels labels, Number value) {
    out_.push_back({&kDefinitions.at(which), std::move(labels), static_cast<double>(value)});
  }
  std::vector<Metric> take() { return std::move(out_); }

 private:
  std::vector<Metric> out_;
};

void add_servers_of(const Vip& vip, const BalancerView& view, Figures& out) {
  const auto places = places_of(view, vip);
  for (const auto& server : view.settings.servers) {
    if (std::ranges::find(vip.servers, server.id) == vip.servers.end()) continue;
    const Labels labels{{"vip", vip.address.text()}, {"server", server.name}};
    out.add(kShare, labels, static_cast<double>(places.at(server.id)) / STEER_RING_PLACES);
    const auto found = view.health.find({vip.address, server.id});
    if (found == view.health.end()) continue;
    const auto& health = found->second;
    out.add(kUp, labels, health.up());
    const auto checks = [&](const char* outcome, std::uint64_t count) {
      auto with_outcome = labels;
      with_outcome.emplace_back("outcome", outcome);
      out.add(kChecks, std::move(with_outcome), count);
    };
    checks("passed", health.passed());
    checks("failed", health.failed());
  }
}

}  // namespace

std::span<const status::MetricDefinition> balancer_metric_definitions() {
  return kDefinitions;
}

std::vector<Metric> balancer_metrics(const BalancerView& view) {
  Figures out;
  for (const auto& vip : view.settings.vips) {
    const auto address = vip.address.text();
    if (const auto counts = view.counts.find(view.numbers.at(vip.address));
        counts != view.counts.end())
      for (std::size_t i = STEER_BY_CONNECTION; i < kReasons.size(); ++i) {
        const bool reason = i < STEER_REASONS;
        out.add(reason ? kPackets : kNoted,
                {{"vip", address}, {reason ? "reason" : "what", std::string(kReasons.at(i).name)}},
                counts->second.packets[i]);
      }
    add_servers_of(vip, view, out);
    const auto weighed = view.weights.services.find(vip.address);
    out.add(kPanic, {{"vip", address}},
            weighed != view.weights.services.end() && weighed->second.panic);
  }
  for (const auto& server : view.settings.servers) {
    const Labels labels{{"server", server.name}};
    if (const auto traffic = view.traffic.find(server.id); traffic != view.traffic.end()) {
      out.add(kServerPackets, labels, traffic->second.packets);
      out.add(kServerOctets, labels, traffic->second.octets);
    }
    out.add(kDrained, labels, view.drained.contains(server.name));
  }
  out.add(kRings, {}, view.rings_written);
  out.add(kReloads, {}, view.reloads);
  return out.take();
}

}  // namespace anabranch::balancer
