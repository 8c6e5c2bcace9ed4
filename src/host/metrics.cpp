// SPDX-License-Identifier: MIT
#include "host/metrics.hpp"

#include <array>

namespace anabranch::host {
namespace {

using status::Metric;
using enum status::MetricType;

// A metric is named by its place here.
enum : std::size_t {
  kSupport,
  kOffered,
  kUp,
  kRemaining,
  kObtained,
  kRenewed,
  kChanged,
  kLost,
  kIgnored,
  kConflicts,
  kRepairs,
  kCount,
};

constexpr std::array<status::MetricDefinition, kCount> kDefinitions{{
    {"anabranch_host_network_support", kGauge,
     "1 when the network's DHCP server knows EXT_ROUTE, else 0."},
    {"anabranch_host_paths_offered", kGauge,
     "Paths the network has, as its DHCP server says; 0 when it does not say."},
    {"anabranch_host_path_up", kGauge, "1 while the path can be used, else 0."},
    {"anabranch_host_path_lease_remaining_seconds", kGauge,
     "Time left of the path's lease. None for the interface's own address and for a lease without "
     "end."},
    {"anabranch_host_path_leases_obtained_total", kCounter, "Leases where there was none before."},
    {"anabranch_host_path_leases_renewed_total", kCounter,
     "Renewals that only prolonged the lease."},
    {"anabranch_host_path_leases_changed_total", kCounter,
     "Renewals that brought another address or other routes."},
    {"anabranch_host_path_leases_lost_total", kCounter,
     "Leases that ended or were taken back by the server."},
    {"anabranch_host_path_ignored_packets_total", kCounter,
     "Packets for the path's DHCP client that were no use to it."},
    {"anabranch_host_path_address_conflicts_total", kCounter,
     "Times that another station claimed the path's address."},
    {"anabranch_host_repairs_total", kCounter,
     "Addresses, routes, rules and other things that somebody else had taken away and that were "
     "put back."},
}};

double one_if(bool condition) {
  return condition ? 1 : 0;
}

}  // namespace

void LeaseCounts::note(unsigned index, DhcpClient::Change change) {
  switch (change) {
    case DhcpClient::Change::kNone:
      return;
    case DhcpClient::Change::kObtained:
      ++paths_[index].obtained;
      return;
    case DhcpClient::Change::kRenewed:
      ++paths_[index].renewed;
      return;
    case DhcpClient::Change::kChanged:
      ++paths_[index].changed;
      return;
    default:  // the address is gone, for one reason or another
      ++paths_[index].lost;
  }
}

LeaseCounts::Path LeaseCounts::of(unsigned index) const {
  const auto found = paths_.find(index);
  return found == paths_.end() ? Path{} : found->second;
}

std::span<const status::MetricDefinition> metric_definitions() {
  return kDefinitions;
}

std::vector<Metric> metrics(const Report& report, const LeaseCounts& counts) {
  std::vector<Metric> out;
  out.push_back({&kDefinitions[kSupport],
                 {{"interface", report.interface}},
                 one_if(report.support == Discovery::Support::kYes)});
  out.push_back({&kDefinitions[kOffered],
                 {{"interface", report.interface}},
                 static_cast<double>(report.count)});
  out.push_back({&kDefinitions[kRepairs],
                 {{"interface", report.interface}},
                 static_cast<double>(counts.repairs)});
  for (const auto& path : report.paths) {
    const auto add = [&](std::size_t what, double value) {
      out.push_back({&kDefinitions[what],
                     {{"interface", report.interface}, {"index", std::to_string(path.index)}},
                     value});
    };
    add(kUp, one_if(path.state == PathState::kUp));
    if (path.lease) add(kRemaining, static_cast<double>(path.lease->count()));
    const auto leases = counts.of(path.index);
    add(kObtained, static_cast<double>(leases.obtained));
    add(kRenewed, static_cast<double>(leases.renewed));
    add(kChanged, static_cast<double>(leases.changed));
    add(kLost, static_cast<double>(leases.lost));
    add(kIgnored, static_cast<double>(path.ignored));
    add(kConflicts, static_cast<double>(path.conflicts));
  }
  return out;
}

}  // namespace anabranch::host
