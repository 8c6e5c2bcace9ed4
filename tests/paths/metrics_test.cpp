// SPDX-License-Identifier: MIT
#include "paths/metrics.hpp"

#include <gtest/gtest.h>

#include "support/metrics_table.hpp"

namespace anabranch::paths {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

std::optional<double> figure(const std::vector<status::Metric>& figures, std::string_view name,
                             const Labels& labels) {
  for (const auto& metric : figures)
    if (metric.definition->name == name && metric.labels == labels) return metric.value;
  return std::nullopt;
}

const IpAddress kWired = IpAddress::parse("10.1.0.2").value();
const IpAddress kGone = IpAddress::parse("10.2.0.2").value();
const Labels kWiredLabels{{"address", "10.1.0.2"}, {"interface", "eth0"}};
const Labels kGoneLabels{{"address", "10.2.0.2"}, {"interface", "wwan0"}};

Labels in_state(Labels labels, const char* state) {
  labels.emplace_back("state", state);
  return labels;
}

TEST(PathsMetrics, TellConnectionsSubflowsAndPaths) {
  std::map<Token, Connection> connections;
  connections[1].subflows[{{kWired, 1}, {kGone, 2}}] = {};
  connections[2].subflows[{{kWired, 3}, {kGone, 2}}] = {};
  connections[3].observed_only = true;
  connections[4].plain_tcp = true;
  const std::map<IpAddress, Path> paths{{kWired, {kWired, "eth0", 2, {}, true, ""}}};
  std::map<IpAddress, PathMemory> memory;
  memory[kWired] = {.send_rate = BitRate::mbit(8), .minimum_rtt = milliseconds(20)};
  const ReportView view{connections,
                        paths,
                        memory,
                        {},
                        [](Family) { return std::optional(kWired); },
                        [](const SubflowKey& key) { return key.local.port == 3; }};
  Counts counts;
  counts.note(input::Paths{{paths.at(kWired)}});
  const auto figures = metrics(view, {}, counts);
  EXPECT_EQ(figure(figures, "anabranch_paths_connections", {{"state", "managed"}}), 2);
  EXPECT_EQ(figure(figures, "anabranch_paths_connections", {{"state", "observed"}}), 1);
  EXPECT_EQ(figure(figures, "anabranch_paths_connections", {{"state", "plain-tcp"}}), 1);
  const auto subflows = [&](const char* state) {
    return figure(figures, "anabranch_paths_subflows", in_state(kWiredLabels, state));
  };
  EXPECT_EQ(subflows("established"), 1);
  EXPECT_EQ(subflows("silent"), 1);
  EXPECT_EQ(figure(figures, "anabranch_paths_path_usable", kWiredLabels), 1);
  EXPECT_EQ(figure(figures, "anabranch_paths_path_failed", kWiredLabels), 0);
  EXPECT_EQ(figure(figures, "anabranch_paths_path_preferred", kWiredLabels), 1);
  EXPECT_EQ(figure(figures, "anabranch_paths_path_send_rate_bytes_per_second", kWiredLabels), 1e6);
  EXPECT_EQ(figure(figures, "anabranch_paths_path_receive_rate_bytes_per_second", kWiredLabels),
            std::nullopt)
      << "not known";
  EXPECT_EQ(figure(figures, "anabranch_paths_path_minimum_rtt_seconds", kWiredLabels), 0.02);
}

TEST(PathsMetrics, TotalsSurviveSubflowsAndAddresses) {
  Counts counts;
  const Path wired{kWired, "eth0", 2, {}, true, ""};
  const Path gone{kGone, "wwan0", 3, {}, true, ""};
  counts.note(input::Paths{{wired, gone}});
  counts.note(input::Paths{{wired}});
  counts.note(Action{1, "silent", action::Probe{1, kGone, 3, {}, milliseconds(1)}});
  counts.note(Action{2, "silent", action::Measure{2, kGone, 3, {}}});
  const std::map<IpAddress, Totals> totals{{kGone, {1, 2, 3, 4, 5, 6, 7}}};
  const ReportView view{{}, {}, {}, {}, {}, {}};
  const auto figures = metrics(view, totals, counts);
  const std::pair<const char*, double> rows[] = {
      {"sent_bytes_total", 1},
      {"received_bytes_total", 2},
      {"retransmitted_segments_total", 3},
      {"subflows_opened_total", 4},
      {"subflows_lost_total", 5},
      {"failovers_total", 6},
      {"returns_total", 7},
      {"probes_total", 2},
  };
  for (const auto& [name, value] : rows)
    EXPECT_EQ(figure(figures, std::string("anabranch_paths_path_") + name, kGoneLabels), value)
        << name;
}

TEST(PathsMetrics, TheDaemonsOwnWorkIsCounted) {
  Counts counts;
  counts.note(input::Event{});
  counts.note(input::Event{});
  counts.note(input::Sample{});
  counts.note(input::Failed{});
  counts.note(input::Tick{});
  counts.overruns = 9;
  const auto figures = metrics(Decider(default_settings()), counts);
  EXPECT_EQ(figure(figures, "anabranch_paths_events_total", {}), 2);
  EXPECT_EQ(figure(figures, "anabranch_paths_samples_total", {}), 1);
  EXPECT_EQ(figure(figures, "anabranch_paths_refused_actions_total", {}), 1);
  EXPECT_EQ(figure(figures, "anabranch_paths_overruns_total", {}), 9);
}

TEST(PathsMetrics, AreAllInTheManual) {
  test_support::expect_in_manual("anabranch_paths_", metric_definitions());
}

}  // namespace
}  // namespace anabranch::paths
