// SPDX-License-Identifier: MIT
#include "gateway/settings_health.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/settings_text.hpp"

namespace anabranch::gateway {
namespace {

using ::testing::HasSubstr;
using Kind = HealthProbe::Kind;

constexpr std::string_view kOne = R"([lan]
interface = "lan0"
[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
)";

std::string with(std::string_view lines) {
  return std::string(kOne) + "[uplink.health]\n" + std::string(lines) + "\n";
}

Health health(std::string_view lines) {
  const auto settings = good(with(lines));
  return settings.uplinks.empty() ? Health{} : settings.uplinks[0].health;
}

TEST(HealthSettings, WithoutTheSectionThereAreNoProbes) {
  const auto settings = parse(kOne, "g.toml");
  ASSERT_TRUE(settings);
  const Health& health = settings->uplinks[0].health;
  EXPECT_TRUE(health.probes.empty());
  EXPECT_EQ(health.interval, milliseconds(500));
  EXPECT_EQ(health.timeout, milliseconds(400));
  EXPECT_EQ(health.down_after, 2u);
  EXPECT_EQ(health.up_after, 1u);
}

TEST(HealthSettings, ThreeKindsOfProbes) {
  const auto probes = health(
                          "probes = [\"icmp:198.51.100.1\", \"tcp:198.51.100.1:443\", "
                          "\"http://198.51.100.1/generate_204\"]")
                          .probes;
  ASSERT_EQ(probes.size(), 3u);
  const auto address = IpAddress::parse("198.51.100.1").value();
  EXPECT_EQ(probes[0], (HealthProbe{.kind = Kind::kIcmp, .address = address}));
  EXPECT_EQ(probes[1], (HealthProbe{.kind = Kind::kTcp, .address = address, .port = 443}));
  EXPECT_EQ(probes[2], (HealthProbe{.kind = Kind::kHttp,
                                    .address = address,
                                    .port = 80,
                                    .path = "/generate_204",
                                    .host = "198.51.100.1"}));
}

TEST(HealthSettings, HttpTakesAPortAndAnotherHost) {
  const auto probes =
      health("probes = [\"http://198.51.100.1:8080\", \"http://198.51.100.1/a Host: example.org\"]")
          .probes;
  ASSERT_EQ(probes.size(), 2u);
  EXPECT_EQ(probes[0].port, 8080);
  EXPECT_EQ(probes[0].path, "/");
  EXPECT_EQ(probes[0].host, "198.51.100.1:8080");
  EXPECT_EQ(probes[1].path, "/a");
  EXPECT_EQ(probes[1].host, "example.org");
}

TEST(HealthSettings, AreWrittenAsTheyWereRead) {
  for (const char* text : {"icmp:198.51.100.1", "tcp:198.51.100.1:443", "http://198.51.100.1/a",
                           "http://198.51.100.1:8080/"})
    EXPECT_EQ(probe_text(health("probes = [\"" + std::string(text) + "\"]").probes.at(0)), text);
  EXPECT_EQ(
      probe_text(
          {.kind = Kind::kTcp, .address = IpAddress::parse("2001:db8::1").value(), .port = 443}),
      "tcp:[2001:db8::1]:443");
}

TEST(HealthSettings, Ipv6NeedsAnUplinkThatCarriesIt) {
  EXPECT_THAT(complaint(with("probes = [\"icmp:[2001:db8::1]\"]")),
              HasSubstr("g.toml:10:10: 'icmp:[2001:db8::1]' is IPv6, which this uplink does not "
                        "carry"));
}

class NoProbe : public ::testing::TestWithParam<const char*> {};

TEST_P(NoProbe, IsRefusedWithThePlace) {
  EXPECT_THAT(complaint(with("probes = [\"" + std::string(GetParam()) + "\"]")),
              HasSubstr("g.toml:10:10: '" + std::string(GetParam()) + "' is no probe"));
}

INSTANTIATE_TEST_SUITE_P(
    Each, NoProbe,
    ::testing::Values("198.51.100.1", "icmp:", "icmp:example.org", "icmp:198.51.100.1:1",
                      "tcp:198.51.100.1", "tcp:198.51.100.1:0", "tcp:198.51.100.1:65536",
                      "tcp:198.51.100.1:443/", "tcp:2001:db8::1:443", "tcp:[198.51.100.1]:443",
                      "tcp:[2001:db8::1:443", "http://example.org/", "http://198.51.100.1:x/",
                      "http://198.51.100.1x/", "http://198.51.100.1/a b",
                      "http://198.51.100.1/ Host: ", "http://198.51.100.1/ Host: a b",
                      "https://198.51.100.1/", "udp:198.51.100.1:53"));

TEST(HealthSettings, SaysWhatToWriteForTls) {
  EXPECT_THAT(complaint(with("probes = [\"https://198.51.100.1/\"]")),
              HasSubstr("tcp:ADDRESS:443"));
}

TEST(HealthSettings, AProbeAsksSomebodyBeyondTheUplink) {
  for (const char* address : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"})
    EXPECT_THAT(complaint(with("probes = [\"icmp:" + std::string(address) + "\"]")),
                HasSubstr("asks nobody beyond the uplink"));
  EXPECT_THAT(complaint(with("probes = [\"icmp:10.1.16.50\"]")), HasSubstr("lies on the LAN"));
}

TEST(HealthSettings, NotTwiceAndNotTooMany) {
  EXPECT_THAT(complaint(with("probes = [\"icmp:198.51.100.1\", \"icmp:198.51.100.1\"]")),
              HasSubstr("'icmp:198.51.100.1' is there twice"));
  std::string many;
  for (int i = 1; i <= 9; ++i) many += "\"icmp:198.51.100." + std::to_string(i) + "\",";
  EXPECT_THAT(complaint(with("probes = [" + many + "]")), HasSubstr("9 probes are too many"));
}

TEST(HealthSettings, ATimeoutIsNotLongerThanTheInterval) {
  EXPECT_THAT(complaint(with("interval = \"300ms\"\ntimeout = \"400ms\"")),
              HasSubstr("g.toml:11:11: the timeout 400 ms is longer than the interval 300 ms"));
  EXPECT_EQ(health("interval = \"300ms\"").timeout, milliseconds(300));
  EXPECT_EQ(health("interval = \"1s\"").timeout, milliseconds(400));
}

TEST(HealthSettings, BoundsAreKept) {
  EXPECT_THAT(complaint(with("interval = \"50ms\"")), HasSubstr("interval"));
  EXPECT_THAT(complaint(with("interval = \"2min\"")), HasSubstr("interval"));
  EXPECT_THAT(complaint(with("down_after = 0")), HasSubstr("down_after"));
  EXPECT_THAT(complaint(with("up_after = 101")), HasSubstr("up_after"));
}

}  // namespace
}  // namespace anabranch::gateway
