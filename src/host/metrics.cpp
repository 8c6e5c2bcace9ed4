// SPDX-License-Identifier: MIT
#include "host/metrics.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
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
     "Time left of the path's lease; in IPv6 without DHCPv6 the valid lifetime of its address. "
     "None "
     "for the interface's own address and for what has no end."},
    {"anabranch_host_path_leases_obtained_total", kCounter, "Leases where there was none before."},
    {"anabranch_host_path_leases_renewed_total", kCounter,
     "Renewals that only prolonged the lease."},
    {"anabranch_host_path_leases_changed_total", kCounter,
     "Renewals that brought another address or other routes."},
    {"anabranch_host_path_leases_lost_total", kCounter,
     "Leases that ended or were taken back by the server."},
    {"anabranch_host_path_ignored_packets_total", kCounter,
     "Packets for the path's DHCP client (in IPv6: DHCPv6) that were no use to it."},
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

/// All addresses of a path in one family.
struct InFamily {
  bool up = false;
  std::optional<seconds> lease;  ///< of the one that lasts longest
  std::uint64_t ignored = 0;
  std::uint64_t conflicts = 0;

  void add(const ReportedPath& path) {
    up |= path.state == PathState::kUp;
    if (path.lease) lease = std::max(lease.value_or(seconds(0)), *path.lease);
    ignored = std::max(ignored, path.ignored);  // each address tells of the same client
    conflicts += path.conflicts;
  }
};

}  // namespace

void LeaseCounts::note(unsigned index, Family family, DhcpClient::Change change) {
  auto& path = paths_[{index, family}];
  switch (change) {
    case DhcpClient::Change::kNone:
      return;
    case DhcpClient::Change::kObtained:
      ++path.obtained;
      return;
    case DhcpClient::Change::kRenewed:
      ++path.renewed;
      return;
    case DhcpClient::Change::kChanged:
      ++path.changed;
      return;
    default:  // the address is gone, for one reason or another
      ++path.lost;
  }
}

LeaseCounts::Path LeaseCounts::of(unsigned index, Family family) const {
  const auto found = paths_.find({index, family});
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
  std::map<std::pair<unsigned, Family>, InFamily> families;
  for (const auto& path : report.paths) {
    auto& mine = state.try_emplace(path.index, path.state).first->second;
    if (path.state == PathState::kUp) mine = PathState::kUp;
    families[{path.index, path.family}].add(path);
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
  for (const auto& [where, mine] : families) {
    const unsigned index = where.first;
    const Family family = where.second;
    const auto figure = [&](std::size_t what, std::uint64_t value) {
      add(what, index, static_cast<double>(value));
      out.back().labels.emplace_back("family", std::string(family_name(family)));
    };
    const auto leases = counts.of(index, family);
    figure(kAddressUp, mine.up ? 1 : 0);
    if (mine.lease) figure(kRemaining, static_cast<std::uint64_t>(mine.lease->count()));
    figure(kObtained, leases.obtained);
    figure(kRenewed, leases.renewed);
    figure(kChanged, leases.changed);
    figure(kLost, leases.lost);
    figure(kIgnored, mine.ignored);
    figure(kConflicts, mine.conflicts + leases.conflicts);
  }
  return out;
}

}  // namespace anabranch::host
