// SPDX-License-Identifier: MIT
#include "proxy/dhcp_converters.hpp"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "status/server.hpp"

namespace anabranch::proxy {
namespace {

Endpoint at(const char* text) {
  return Endpoint::parse(text).value();
}

std::string host(const std::string& converters, const std::string& support = "yes") {
  return R"({"interface":"eth0","support":")" + support + R"(","converters":[)" + converters + "]}";
}
constexpr const char* kFirst = R"({"endpoint":"198.18.9.9:5124","paths":[1,2]})";
constexpr const char* kSecond = R"({"endpoint":"[2001:db8::9]:443","paths":[2]})";

TEST(HostSays, WhatItsNetworkTellsOf) {
  const auto says = host_says(host(kFirst + std::string(",") + kSecond));
  ASSERT_TRUE(says) << says.error().text();
  EXPECT_EQ(says->interface, "eth0");
  EXPECT_EQ(says->converters, (std::vector{at("198.18.9.9:5124"), at("[2001:db8::9]:443")}));
}

TEST(HostSays, OneThatHasJustStartedAndDoesNotKnowYetChangesNothing) {
  EXPECT_FALSE(host_says(host("", "unknown"))->converters);
  EXPECT_EQ(host_says(host("", "no"))->converters, std::vector<Endpoint>());
  EXPECT_EQ(host_says(host("", "yes"))->converters, std::vector<Endpoint>());
}

TEST(HostSays, OneOfAnOlderReleaseTellsOfNone) {
  EXPECT_EQ(host_says(R"({"interface":"eth0","support":"yes"})")->converters,
            std::vector<Endpoint>());
}

TEST(HostSays, ConvertersCanBeFewAndSomewhere) {
  std::string many;
  for (int i = 1; i < 100; ++i)
    many += (many.empty() ? "" : ",") + std::string(R"({"endpoint":"192.0.2.)") +
            std::to_string(i) + R"(:5124"})";
  EXPECT_EQ(host_says(host(many))->converters->size(), 16u);
  for (const char* bad :
       {"127.0.0.1:5124", "0.0.0.0:5124", "224.0.0.1:5124", "[::1]:5124", "192.0.2.1:0", "nobody"})
    EXPECT_FALSE(host_says(host(R"({"endpoint":")" + std::string(bad) + R"("})"))) << bad;
  for (const char* bad : {"", "[]", "{}", R"({"interface":7})", R"({"interface":"eth0"})",
                          R"({"interface":"eth0","support":"yes","converters":[7]})"})
    EXPECT_FALSE(host_says(bad)) << bad;
}

TEST(WithTold, TheFilesComeFirstAndTheOthersServeWhileNoneOfThemCan) {
  const std::vector<ConverterEntry> configured{{"own", at("192.0.2.1:5124"), 3}};
  const auto all = with_told(configured, {{"eth0", {at("198.18.9.9:5124"), at("192.0.2.1:5124")}},
                                          {"wlan0", {at("198.18.9.9:5124"), at("192.0.2.1:1")}}});
  ASSERT_EQ(all.size(), 3u) << "each once";
  EXPECT_EQ(all[0].name, "own");
  EXPECT_EQ(all[0].weight, 3u);
  EXPECT_EQ(all[1].name, "198.18.9.9:5124");
  EXPECT_EQ(all[1].told_by, "eth0");
  EXPECT_EQ(all[1].weight, 0u);
  EXPECT_EQ(all[2].name, "192.0.2.1:1");
  EXPECT_EQ(all[2].told_by, "wlan0");
  EXPECT_EQ(with_told(all, {}).size(), 1u) << "told no more";
}

class DhcpConvertersTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/anabranch-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ::setenv("RUNTIME_DIRECTORY", name.c_str(), 1);
    settings_.converters_from_dhcp = true;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  status::Server host_role() {
    return status::Server::open(loop_, directory_ / "host-eth0.sock",
                                [this](const status::Request&) -> Result<std::string> {
                                  std::exchange(asked_, [] {})();
                                  return says_;
                                })
        .value();
  }
  std::vector<std::string> used() const {
    std::vector<std::string> out;
    for (const auto& entry : dhcp_.completed(settings_).converters) out.push_back(entry.name);
    return out;
  }

  std::filesystem::path directory_;
  Loop loop_;
  std::string says_ = host(kFirst);
  std::function<void()> asked_ = [] {};  ///< the next time
  std::function<void()> changed_ = [] {};
  CpeSettings settings_;
  DhcpConverters dhcp_{loop_, [this] { changed_(); }};
};

TEST_F(DhcpConvertersTest, FollowsTheHostAlsoWhenItIsStartedAnew) {
  using Names = std::vector<std::string>;
  auto server = std::make_optional(host_role());
  const auto says = [&](std::string what) {
    says_ = std::move(what);
    server->publish();
  };
  // Knows nothing at first, and then something else than before.
  const auto start_anew = [&] {
    server.reset();
    says_ = host("", "unknown");
    asked_ = [&] { loop_.post([&] { says(host(kFirst)); }); };
    server = host_role();
  };
  std::vector<Names> seen;
  changed_ = [&] {
    seen.push_back(used());
    if (seen.size() == 1) loop_.post([&] { says(host(kSecond)); });
    if (seen.size() == 2) loop_.post(start_anew);
    if (seen.size() == 3) loop_.stop();
  };
  dhcp_.follow(true);
  const auto deadline = loop_.after(seconds(10), [this] { loop_.stop(); });
  loop_.run();
  EXPECT_EQ(seen,
            (std::vector<Names>{{"198.18.9.9:5124"}, {"[2001:db8::9]:443"}, {"198.18.9.9:5124"}}))
      << "and never none";
  EXPECT_EQ(dhcp_.hosts(), Names{"eth0"});

  settings_.converters_from_dhcp = false;
  EXPECT_TRUE(used().empty());
  dhcp_.follow(false);
  EXPECT_TRUE(dhcp_.hosts().empty());
}

}  // namespace
}  // namespace anabranch::proxy
