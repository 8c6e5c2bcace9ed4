// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lab/report_chart.hpp"
#include "lab/report_html.hpp"
#include "lab/report_json.hpp"
#include "lab/report_text.hpp"
#include "lab/report_topology.hpp"
#include "report_fixture.hpp"

namespace anabranch::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

TEST(Expectation, BoundsAreWrittenPlainly) {
  EXPECT_EQ(at_least("a", 0.96, 0.95).bound, ">= 0.95");
  EXPECT_EQ(at_most("a", 1, 800).bound, "<= 800");
  EXPECT_EQ(at_most("a", 1, 1e7).bound, "<= 10000000");
  EXPECT_EQ(at_most("a", 1, 2e-5).bound, "<= 0.00002");
  EXPECT_EQ(holds("a", true).bound, "== 1");
}

TEST(Expectation, HoldsOnTheBoundAndNotBeyond) {
  EXPECT_TRUE(at_least("a", 0.95, 0.95).ok);
  EXPECT_FALSE(at_least("a", 0.9499, 0.95).ok);
  EXPECT_TRUE(at_most("a", 800, 800).ok);
  EXPECT_FALSE(at_most("a", 800.1, 800).ok);
  EXPECT_FALSE(holds("a", false).ok);
}

TEST(Expectation, AFigureThatCouldNotBeMeasuredIsAMiss) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(at_least("a", none, 0).ok);
  EXPECT_FALSE(at_most("a", none, 0).ok);
}

TEST(ScenarioResult, OneMissedExpectationMakesItFail) {
  EXPECT_TRUE(fixture::gateway_failover().ok());
  EXPECT_FALSE(fixture::sixteen_hosts().ok());
}

TEST(ReportJson, HasExactlyTheDocumentedKeysInOrder) {
  ScenarioResult result;
  result.scenario = "failover";
  result.kernel = "6.12";
  result.version = "0.1";
  result.measurements = {{"zeta", 1.5, "ms"}, {"alpha", 2, "count"}};
  result.expectations = {at_most("zeta", 1.5, 10)};
  EXPECT_EQ(report_json(result),
            R"({"scenario":"failover","kernel":"6.12","version":"0.1","measurements":)"
            R"({"zeta":{"value":1.5,"unit":"ms"},"alpha":{"value":2.0,"unit":"count"}},)"
            R"("expectations":[{"name":"zeta","value":1.5,"bound":"<= 10","ok":true}],"ok":true})");
}

TEST(ReportJson, StaysJsonWithoutAnyFigures) {
  const auto json = nlohmann::json::parse(report_json({}));
  EXPECT_TRUE(json["measurements"].is_object());
  EXPECT_TRUE(json["expectations"].is_array());
}

TEST(ReportJson, ForeignOctetsAndMissingFiguresDoNotBreakIt) {
  ScenarioResult result;
  result.measurements = {{"bad \xff name", std::numeric_limits<double>::quiet_NaN(), "\"ms\""}};
  const auto json = nlohmann::json::parse(report_json(result));
  EXPECT_TRUE(json["measurements"].front()["value"].is_null());
}

TEST(ReportText, EscapesWhatHtmlWouldRead) {
  EXPECT_EQ(escape_html("<a b=\"c\">&'\x01"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39; ");
}

TEST(ReportText, ShortensByCharactersNotOctets) {
  EXPECT_EQ(shorten("größer", 6), "größer");
  EXPECT_EQ(shorten("größer", 4), "grö…");
  EXPECT_EQ(text_columns("grö…"), 4u);
}

TEST(ReportText, DisplaysNumbersForPeople) {
  EXPECT_EQ(display_number(71250000), "71 250 000");
  EXPECT_EQ(display_number(1500), "1500");
  EXPECT_EQ(display_number(46.718), "46.72");
  EXPECT_EQ(display_number(0.97125), "0.971");
  EXPECT_EQ(display_number(0.001), "0.001");
  EXPECT_EQ(display_number(-12345), "-12 345");
}

TEST(ReportHtml, LoadsNothingFromAnywhere) {
  const auto html = report_html(fixture::sixteen_hosts());
  for (const auto* word : {"http", "src=", "href=", "url(", "@import", "<script", "<link", "<img"})
    EXPECT_THAT(html, Not(HasSubstr(word))) << word;
}

TEST(ReportHtml, SaysVerdictFiguresKernelAndVersion) {
  const auto held = report_html(fixture::gateway_failover());
  EXPECT_THAT(held, HasSubstr("all 3 expectations hold"));
  EXPECT_THAT(held, HasSubstr("71 250 000"));
  EXPECT_THAT(held, HasSubstr("Linux 6.12.0"));
  EXPECT_THAT(held, HasSubstr("anabranch 0.1.0"));
  EXPECT_THAT(report_html(fixture::sixteen_hosts()), HasSubstr("1 of 4 expectations missed"));
}

TEST(ReportHtml, EscapesTextEverywhere) {
  auto result = fixture::gateway_failover();
  const std::string evil = "</title><b>&\"";
  result.title = result.scenario = result.kernel = result.version = evil;
  result.topology.nodes[0].title = evil;
  result.topology.links[0].name = evil;
  result.charts[0].title = result.charts[0].stacked[0].label = result.charts[0].marks[0].label =
      evil;
  result.measurements[0] = {evil, 1, evil};
  result.expectations[0].name = result.expectations[0].bound = evil;
  EXPECT_THAT(report_html(result), Not(HasSubstr("<b>")));
}

void expect_tidy(const Topology& topology, const std::string& what) {
  const auto layout = lay_out(topology);
  ASSERT_EQ(layout.boxes.size(), topology.nodes.size() + topology.lans.size()) << what;
  const auto inside = [&](const Rectangle& area) {
    return area.x >= 0 && area.y >= 0 && area.right() <= layout.width &&
           area.bottom() <= layout.height;
  };
  std::vector<std::pair<std::string, Rectangle>> placed;
  for (const auto& box : layout.boxes) placed.emplace_back(box.name, box.area);
  for (const auto& edge : layout.edges)
    if (edge.label_area.width > 0) placed.emplace_back("label of " + edge.name, edge.label_area);
  for (std::size_t i = 0; i < placed.size(); ++i) {
    EXPECT_TRUE(inside(placed[i].second)) << what << ": " << placed[i].first;
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_FALSE(placed[i].second.overlaps(placed[j].second))
          << what << ": " << placed[i].first << " covers " << placed[j].first;
  }
}

TEST(TopologyLayout, NothingOverlapsFromThreeToThirtyNodes) {
  for (unsigned hosts = 1; hosts <= 24; ++hosts)
    for (unsigned uplinks = 1; uplinks <= 8 && hosts + uplinks + 2 <= 30; ++uplinks)
      expect_tidy(fixture::access_network(hosts, uplinks),
                  std::to_string(hosts) + " hosts, " + std::to_string(uplinks) + " uplinks");
  expect_tidy(fixture::gateway_failover().topology, "gateway");
}

TEST(TopologyLayout, NothingOverlapsInOddShapes) {
  const auto node = [](std::string name) { return Node{.name = std::move(name), .title = ""}; };
  const LinkProfile profile{.rate = BitRate::mbit(20),
                            .delay = milliseconds(10),
                            .jitter = milliseconds(2),
                            .loss = 0.01,
                            .queue = {}};
  Topology parallel{.nodes = {node("a"), node("b")}, .links = {}, .lans = {}};
  for (int i = 0; i < 6; ++i) {
    const auto n = std::to_string(i);
    parallel.links.push_back({"path " + n, {"a", "e" + n}, {"b", "e" + n}, profile});
  }
  expect_tidy(parallel, "parallel links");

  Topology mesh;
  for (int i = 0; i < 7; ++i) mesh.nodes.push_back(node("n" + std::to_string(i)));
  for (int i = 0; i < 7; ++i)
    for (int j = 0; j < i; ++j)
      mesh.links.push_back({"l" + std::to_string(i) + std::to_string(j),
                            {"n" + std::to_string(i), "e" + std::to_string(j)},
                            {"n" + std::to_string(j), "e" + std::to_string(i)},
                            profile});
  expect_tidy(mesh, "full mesh");

  Topology apart{.nodes = {node("a"), node("b"), node("c")}, .links = {}, .lans = {{"empty", {}}}};
  expect_tidy(apart, "no links at all");
  expect_tidy({}, "nothing");
}

TEST(TopologyLayout, RunsFromHostsToServer) {
  const auto layout = lay_out(fixture::access_network(16, 2));
  const auto x = [&](std::string_view name) {
    for (const auto& box : layout.boxes)
      if (box.name == name) return box.area.x;
    return -1.0;
  };
  EXPECT_LT(x("h16"), x("office"));
  EXPECT_LT(x("office"), x("gateway"));
  EXPECT_LT(x("gateway"), x("isp1"));
  EXPECT_EQ(x("isp1"), x("isp2"));
  EXPECT_LT(x("isp2"), x("server"));
}

TEST(TopologyPicture, LabelsEmulatedLinksAndSaysAddresses) {
  const auto svg = topology_svg(fixture::gateway_failover().topology);
  EXPECT_THAT(svg, HasSubstr("30 Mbit/s, 10 ms, 0.1 % loss"));
  EXPECT_THAT(svg, HasSubstr("eth0 10.1.0.2/16"));
  EXPECT_EQ(count(svg, "class=\"link emulated\""), 2u);
}

TEST(Chart, AlignsSeriesSampledAtDifferentMoments) {
  const Chart chart{"", {{"a", {{0, 10}, {2, 20}}}, {"b", {{1, 4}, {3, 4}}}}, {}, 0};
  const auto samples = align_samples(chart);
  EXPECT_THAT(samples.at_s, testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(samples.mbit[0], testing::ElementsAre(10, 15, 20, 0));
  EXPECT_THAT(samples.mbit[1], testing::ElementsAre(0, 4, 4, 4));
  EXPECT_EQ(samples.total(1), 19);
}

TEST(Chart, TicksAreRoundNumbers) {
  EXPECT_EQ(tick_step(55), 10);
  EXPECT_EQ(tick_step(15), 2);
  EXPECT_EQ(tick_step(1000), 200);
  EXPECT_EQ(tick_step(0), 1);
}

TEST(Chart, DrawsAnAreaForEachPathMarksAndTheExpectedRate) {
  const auto html = chart_html(fixture::gateway_failover().charts[0]);
  EXPECT_EQ(count(html, "class=\"area "), 2u);
  EXPECT_EQ(count(html, "class=\"mark\""), 2u);
  EXPECT_THAT(html, HasSubstr("uplink 1 restored"));
  EXPECT_THAT(html, HasSubstr("sum of the emulated rates: 50 Mbit/s"));
  EXPECT_THAT(html, HasSubstr("total: "));
}

TEST(Chart, SurvivesNoSamplesOneSampleAndFiguresThatAreNone) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(chart_html({}), HasSubstr("No samples"));
  EXPECT_THAT(chart_html({"", {{"a", {{0, 0}}}}, {}, 0}), Not(HasSubstr("nan")));
  EXPECT_THAT(chart_html({"", {{"a", {{0, none}, {1, 5}}}}, {{none, "x"}}, none}),
              Not(HasSubstr("nan")));
}

TEST(Chart, KeepsATipForAPointerEvenWithThousandsOfSamples) {
  Chart chart{"", {{"a", {}}}, {}, 0};
  for (int i = 0; i < 6000; ++i) chart.stacked[0].points.push_back({i * 0.01, 10});
  EXPECT_LE(count(chart_html(chart), "class=\"slice\""), 240u);
}

}  // namespace
}  // namespace anabranch::lab
