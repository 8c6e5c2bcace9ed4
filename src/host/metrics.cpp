// SPDX-License-Identifier: MIT
#include "host/metrics.hpp"

#include <array>
#include <map>
#include <string>
#include <utility>

namespace anabranch::host {
namespace {

using status::Metric;
using enum status::MetricType;

// A metric is named by its place here.
enum : std::size_t {
  kSupport,
  kOffered,
  kUp,
  kAddressUp,
  kWithdrawn,
  kRemaining,
  kObtained,
  kRenewed,
  kChanged,
  kLost,
  kIgnored,
  kConflicts,
  kRepairs,
  kAdvertisements,
  kCount,
};

constexpr std::array<status::MetricDefinition, kCount> kDefinitions{{
    {"anabranch_host_network_support", kGauge,
     "1 when the network knows EXT_ROUTE, by DHCP or in Router Advertisements, else 0."},
    {"anabranch_host_paths_offered", kGauge,
     "Paths the network has, as it says itself; 0 when it does not say."},
    {"anabranch_host_path_up", kGauge, "1 while the path can be used, in IPv4 or IPv6, else 0."},
    {"anabranch_host_path_address_up", kGauge,
     "1 while the path can be used in this family, else 0. None for a family it does not have."},
    {"anabranch_host_path_withdrawn", kGauge,
     "1 while the network has withdrawn the path (router lifetime 0), else 0."},
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
     "Packets for the path's DHCP and DHCPv6 clients that were no use to them."},
    {"anabranch_host_path_address_conflicts_total", kCounter,
     "Times that another station claimed the path's address."},
    {"anabranch_host_repairs_total", kCounter,
     "Addresses, routes, rules and other things that somebody else had taken away and that were "
     "put back."},
    {"anabranch_host_advertisements_total", kCounter,
     "Router Advertisements by what became of them: used; refused for want of room or of the right "
     "router; ignored, as they were malformed or led to no path."},
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
  for (const auto& [result, count] : {std::pair{"used", report.advertisements.used},
                                      {"refused", report.advertisements.refused},
                                      {"ignored", report.advertisements.ignored}})
    out.push_back({&kDefinitions[kAdvertisements],
                   {{"interface", report.interface}, {"result", result}},
                   static_cast<double>(count)});
  std::map<unsigned, PathState> state;  // the best of a path's addresses
  std::map<std::pair<unsigned, Family>, bool> families;
  for (const auto& path : report.paths) {
    auto& mine = state.try_emplace(path.index, path.state).first->second;
    if (path.state == PathState::kUp) mine = PathState::kUp;
    families[{path.index, path.family}] |= path.state == PathState::kUp;
  }
  const auto add = [&](std::size_t what, unsigned index, double value) {
    out.push_back({&kDefinitions[what],
                   {{"interface", report.interface}, {"index", std::to_string(index)}},
                   value});
  };
  for (const auto& [index, best] : state) {
    add(kUp, index, one_if(best == PathState::kUp));
    add(kWithdrawn, index, one_if(best == PathState::kWithdrawn));
  }
  for (const auto& [family, up] : families)
    out.push_back({&kDefinitions[kAddressUp],
                   {{"interface", report.interface},
                    {"index", std::to_string(family.first)},
                    {"family", std::string(family_name(family.second))}},
                   one_if(up)});
  // Each address of a family tells of the same DHCP client.
  std::map<std::pair<unsigned, Family>, std::uint64_t> ignored;
  std::map<unsigned, std::uint64_t> conflicts;
  for (const auto& path : report.paths) {
    ignored[{path.index, path.family}] = path.ignored;
    conflicts[path.index] += path.conflicts;
    if (path.family == Family::kIpv4 && path.lease)
      add(kRemaining, path.index, static_cast<double>(path.lease->count()));
  }
  for (const auto& [index, claimed] : conflicts) {
    const auto leases = counts.of(index);
    add(kObtained, index, static_cast<double>(leases.obtained));
    add(kRenewed, index, static_cast<double>(leases.renewed));
    add(kChanged, index, static_cast<double>(leases.changed));
    add(kLost, index, static_cast<double>(leases.lost));
    add(kIgnored, index,
        static_cast<double>(ignored[{index, Family::kIpv4}] + ignored[{index, Family::kIpv6}]));
    add(kConflicts, index, static_cast<double>(claimed + leases.conflicts));
  }
  return out;
}

}  // namespace anabranch::host
