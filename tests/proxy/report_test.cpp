// SPDX-License-Identifier: MIT
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/converter_report.hpp"
#include "proxy/cpe_report.hpp"
#include "support/metrics_table.hpp"

namespace anabranch::proxy {
namespace {

using ::testing::HasSubstr;

TEST(ProxyMetrics, AreInTheManual) {
  test_support::expect_in_manual("anabranch_cpe_", cpe_metric_definitions());
  test_support::expect_in_manual("anabranch_converter_", converter_metric_definitions());
}

TEST(ConverterReport, TellsWhatBecameOfConnections) {
  const auto settings = parse_converter_settings(
      "[clients]\nallow = [\"192.0.2.0/24\"]\n"
      "[[rule]]\nname = \"mail\"\naction = \"reject\"\nports = [\"25\"]\n",
      "t");
  ASSERT_TRUE(settings);
  ConverterView view{.file = "/etc/c.toml", .settings = *settings, .workers = 2, .counts = {}};
  view.counts.accepted = 7;
  view.counts.outcomes = {{"established", 5}, {"rule", 2}};
  view.counts.rules = {{"mail", 2}};
  view.mappings_lost = 3;
  const auto text = converter_report_text(converter_report_json(view));
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("converter on 0.0.0.0:5124, [::]:5124, 2 workers\n"));
  EXPECT_THAT(*text, HasSubstr("7 accepted so far"));
  EXPECT_THAT(*text, HasSubstr("established          5\n"));
  EXPECT_THAT(*text, HasSubstr("rule mail (reject): 2\n"));
  EXPECT_THAT(*text, HasSubstr("3 lines are missing in the log of mappings\n"));
  EXPECT_EQ(converter_metrics(view).size(), 23u);
}

TEST(CpeReport, TellsWhoToldOfAConverterAndWhyThereIsNone) {
  const auto settings =
      parse_cpe_settings("[cpe]\nlan = [\"lan0\"]\nconverters_from_dhcp = true\n", "t");
  ASSERT_TRUE(settings);
  CpeView view{
      .file = "/etc/c.toml", .settings = *settings, .converters = {}, .packets = {}, .counts = {}};
  const auto text = [&] { return cpe_report_text(cpe_report_json(view)).value(); };
  EXPECT_THAT(text(), HasSubstr("no converter is known, all connections go direct: no host role "
                                "runs here that DHCP could have told of one\n"));
  view.host_roles = {"eth0"};
  EXPECT_THAT(text(), HasSubstr("go direct: DHCP has told of none on eth0\n"));
  const auto endpoint = Endpoint::parse("198.18.9.9:5124").value();
  view.converters.push_back({.entry = {endpoint.text(), endpoint, 0, "eth0"}});
  EXPECT_THAT(text(), HasSubstr("converter 198.18.9.9:5124 (DHCP, eth0): reachable\n"));
}

TEST(CpeReport, TellsWhatIsTakenOfThisMachineAndOfLocalDoors) {
  const auto settings = parse_cpe_settings(
      "[cpe]\nlan = [\"lan0\"]\n[single]\nuids = [\"7\"]\n[[local]]\nlisten = \"127.0.0.1:1080\"\n"
      "[[converter]]\nname = \"one\"\naddress = \"198.18.0.9\"\n",
      "t");
  ASSERT_TRUE(settings) << settings.error().text();
  CpeView view{
      .file = "/etc/c.toml", .settings = *settings, .converters = {}, .packets = {}, .counts = {}};
  view.local.push_back({.settings = settings->local[0], .connections = 2, .counts = {}});
  view.local[0].counts.accepted = 5;
  const auto text = cpe_report_text(cpe_report_json(view)).value();
  EXPECT_THAT(text, HasSubstr("takes connections of hosts behind lan0, uid 7\n"));
  EXPECT_THAT(text, HasSubstr("  local 127.0.0.1:1080 (socks5): 2 connections, 5 so far\n"));
  EXPECT_TRUE(std::ranges::any_of(cpe_metrics(view), [](const status::Metric& one) {
    return one.definition->name == "anabranch_cpe_local_connections_total" && one.value == 5;
  }));
}

TEST(CpeReport, TellsWhichConverterIsLeftOutAndWhy) {
  const auto settings = parse_cpe_settings(
      "[cpe]\nlan = [\"lan0\"]\n[[converter]]\nname = \"one\"\naddress = \"198.18.0.9\"\n", "t");
  ASSERT_TRUE(settings);
  CpeView view{
      .file = "/etc/c.toml", .settings = *settings, .converters = {}, .packets = {}, .counts = {}};
  view.converters.push_back({.entry = settings->converters[0],
                             .reachable = false,
                             .why = "no answer",
                             .syn_data = false});
  const auto text = cpe_report_text(cpe_report_json(view));
  ASSERT_TRUE(text);
  EXPECT_THAT(*text,
              HasSubstr("converter one 198.18.0.9:5124: left out: no answer, no data in SYNs\n"));
}

}  // namespace
}  // namespace anabranch::proxy
