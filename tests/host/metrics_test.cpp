// SPDX-License-Identifier: MIT
#include "host/metrics.hpp"

#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "support/metrics_table.hpp"

namespace anabranch::host {
namespace {

TEST(HostMetrics, TellEachPathsStateAndLease) {
  Report report;
  report.interface = "eth0";
  report.support = Discovery::Support::kYes;
  report.count = 2;
  report.paths.push_back({.index = 1, .interface = "eth0", .state = PathState::kUp});
  report.paths.push_back({.index = 2,
                          .interface = "anab2p2",
                          .state = PathState::kDown,
                          .lease = seconds(300),
                          .ignored = 7,
                          .conflicts = 1});
  LeaseCounts counts;
  counts.note(2, Family::kIpv4, DhcpClient::Change::kNone);
  counts.note(2, Family::kIpv4, DhcpClient::Change::kObtained);
  counts.note(2, Family::kIpv4, DhcpClient::Change::kRenewed);
  counts.note(2, Family::kIpv4, DhcpClient::Change::kRenewed);
  counts.note(2, Family::kIpv4, DhcpClient::Change::kLost);
  const auto figures = metrics(report, counts);
  const auto figure = [&](std::string_view name, std::string_view index) -> std::optional<double> {
    for (const auto& metric : figures)
      if (metric.definition->name == name && metric.labels.at(1).second == index)
        return metric.value;
    return std::nullopt;
  };
  EXPECT_EQ(figures.at(1).value, 2) << "paths offered";
  EXPECT_EQ(figure("anabranch_host_path_up", "1"), 1);
  EXPECT_EQ(figure("anabranch_host_path_up", "2"), 0);
  EXPECT_EQ(figure("anabranch_host_path_lease_remaining_seconds", "2"), 300);
  EXPECT_EQ(figure("anabranch_host_path_lease_remaining_seconds", "1"), std::nullopt)
      << "not ours to know";
  EXPECT_EQ(figure("anabranch_host_path_leases_obtained_total", "2"), 1);
  EXPECT_EQ(figure("anabranch_host_path_leases_renewed_total", "2"), 2);
  EXPECT_EQ(figure("anabranch_host_path_leases_lost_total", "2"), 1);
  EXPECT_EQ(figure("anabranch_host_path_ignored_packets_total", "2"), 7);
  EXPECT_EQ(figure("anabranch_host_path_address_conflicts_total", "2"), 1);
}

TEST(HostMetrics, APathIsUpWithEitherFamily) {
  Report report;
  report.interface = "eth0";
  report.paths.push_back({.index = 2, .state = PathState::kAcquiring});
  report.paths.push_back(
      {.index = 2, .family = Family::kIpv6, .state = PathState::kUp, .ignored = 9});
  report.paths.push_back(
      {.index = 2, .family = Family::kIpv6, .state = PathState::kDeprecated, .ignored = 9});
  report.paths.push_back({.index = 3, .state = PathState::kWithdrawn});
  report.paths.push_back({.index = 4, .family = Family::kIpv6, .ignored = 8});
  report.advertisements = {5, 4, 3};
  LeaseCounts counts;
  counts.conflict(2);
  const auto figures = metrics(report, counts);
  const auto figure = [&](std::string_view name, const std::vector<std::string>& values) {
    std::vector<double> found;
    for (const auto& metric : figures) {
      std::vector<std::string> labels;
      for (const auto& label : metric.labels) labels.push_back(label.second);
      if (metric.definition->name == name && labels == values) found.push_back(metric.value);
    }
    EXPECT_EQ(found.size(), 1u) << name;
    return found.empty() ? -1 : found[0];
  };
  EXPECT_EQ(figure("anabranch_host_path_up", {"eth0", "2"}), 1);
  EXPECT_EQ(figure("anabranch_host_path_address_up", {"eth0", "2", "ipv4"}), 0);
  EXPECT_EQ(figure("anabranch_host_path_address_up", {"eth0", "2", "ipv6"}), 1);
  EXPECT_EQ(figure("anabranch_host_path_withdrawn", {"eth0", "2"}), 0);
  EXPECT_EQ(figure("anabranch_host_path_withdrawn", {"eth0", "3"}), 1);
  EXPECT_EQ(figure("anabranch_host_path_ignored_packets_total", {"eth0", "2", "ipv6"}), 9)
      << "two addresses, one DHCPv6 client";
  EXPECT_EQ(figure("anabranch_host_path_ignored_packets_total", {"eth0", "4", "ipv6"}), 8)
      << "a path of IPv6 only";
  EXPECT_EQ(figure("anabranch_host_path_address_conflicts_total", {"eth0", "2", "ipv6"}), 1);
  EXPECT_EQ(figure("anabranch_host_path_address_conflicts_total", {"eth0", "2", "ipv4"}), 0);
  EXPECT_EQ(figure("anabranch_host_repairs_total", {"eth0"}), 0);
  EXPECT_EQ(figure("anabranch_host_advertisements_total", {"eth0", "refused"}), 4);
}

TEST(HostMetrics, APathOfIpv6AloneHasLeasesToo) {
  Report report;
  report.interface = "eth0";
  report.paths.push_back({.index = 2,
                          .family = Family::kIpv6,
                          .state = PathState::kUp,
                          .lease = seconds(600),
                          .ignored = 7});
  report.paths.push_back(
      {.index = 2, .family = Family::kIpv6, .state = PathState::kDeprecated, .lease = seconds(40)});
  LeaseCounts counts;
  counts.note(2, Family::kIpv6, DhcpClient::Change::kObtained);
  counts.note(2, Family::kIpv6, DhcpClient::Change::kRenewed);
  counts.note(2, Family::kIpv4, DhcpClient::Change::kLost);
  std::map<std::string, double> figures;
  for (const auto& metric : metrics(report, counts)) {
    if (metric.labels.size() != 3 || metric.labels[2].second != "ipv6") continue;
    EXPECT_TRUE(figures.emplace(metric.definition->name, metric.value).second)
        << metric.definition->name << " twice";
  }
  EXPECT_EQ(figures["anabranch_host_path_lease_remaining_seconds"], 600) << "the longest";
  EXPECT_EQ(figures["anabranch_host_path_leases_obtained_total"], 1);
  EXPECT_EQ(figures["anabranch_host_path_leases_renewed_total"], 1);
  EXPECT_EQ(figures["anabranch_host_path_leases_lost_total"], 0) << "that was IPv4's";
  EXPECT_EQ(figures["anabranch_host_path_ignored_packets_total"], 7);
}

TEST(HostMetrics, AreAllInTheManual) {
  test_support::expect_in_manual("anabranch_host_", metric_definitions());
}

}  // namespace
}  // namespace anabranch::host
