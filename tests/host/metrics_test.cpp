// SPDX-License-Identifier: MIT
#include "host/metrics.hpp"

#include <gtest/gtest.h>

#include "support/metrics_table.hpp"

namespace anabranch::host {
namespace {

TEST(HostMetrics, TellEachPathsStateAndLease) {
  Report report;
  report.interface = "eth0";
  report.support = Discovery::Support::kYes;
  report.count = 2;
  report.paths.push_back({1, {}, "eth0", PathState::kUp, {}, {}, 0, 0});
  report.paths.push_back({2, {}, "anab2p2", PathState::kDown, {}, seconds(300), 7, 1});
  LeaseCounts counts;
  counts.note(2, DhcpClient::Change::kNone);
  counts.note(2, DhcpClient::Change::kObtained);
  counts.note(2, DhcpClient::Change::kRenewed);
  counts.note(2, DhcpClient::Change::kRenewed);
  counts.note(2, DhcpClient::Change::kLost);
  const auto figures = metrics(report, counts);
  const auto figure = [&](std::string_view name, std::string_view index) -> std::optional<double> {
    for (const auto& metric : figures)
      if (metric.definition->name == name && metric.labels.back().second == index)
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
  EXPECT_EQ(figure("anabranch_host_repairs_total", "eth0"), 0);
}

TEST(HostMetrics, AreAllInTheManual) {
  test_support::expect_in_manual("anabranch_host_", metric_definitions());
}

}  // namespace
}  // namespace anabranch::host
