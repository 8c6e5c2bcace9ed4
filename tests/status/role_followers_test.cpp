// SPDX-License-Identifier: MIT
#include "status/role_followers.hpp"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "status/server.hpp"

namespace anabranch::status {
namespace {

class RoleFollowersTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/anabranch-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ::setenv("RUNTIME_DIRECTORY", name.c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// A role that says its number.
  Server role(const char* name) {
    return Server::open(
               loop_, directory_ / (std::string(name) + ".sock"),
               [this](const Request&) -> Result<std::string> { return std::to_string(number_); })
        .value();
  }
  void follow() {
    followers_.emplace(loop_, "host-",
                       RoleFollowers::Callbacks{
                           [this](const std::string& name, std::string_view state) -> Result<void> {
                             if (state == "0") return fail("not understood");
                             said_[name] += state;
                             happened_();
                             return {};
                           },
                           [this](const std::string& name) {
                             said_[name] += "-";
                             happened_();
                           }});
  }
  /// Until `holds`, which is asked after every event.
  bool eventually(const std::function<bool()>& holds) {
    bool held = holds();
    if (held) return true;
    happened_ = [&] {
      held = held || holds();
      if (held) loop_.stop();
    };
    const auto deadline = loop_.after(seconds(10), [this] { loop_.stop(); });
    loop_.run();
    happened_ = [] {};
    return held;
  }

  std::filesystem::path directory_;
  Loop loop_;
  int number_ = 1;
  std::map<std::string, std::string> said_;
  std::function<void()> happened_ = [] {};
  std::optional<RoleFollowers> followers_;
};

TEST_F(RoleFollowersTest, ThoseWithThePrefixAreFollowedWheneverTheyStart) {
  const auto before = role("host-a");
  const auto other = role("paths");
  follow();
  std::optional<Server> later;
  EXPECT_TRUE(eventually([&] {
    if (said_.contains("host-a") && !later) later = role("host-b");
    return said_.contains("host-b");
  }));
  EXPECT_EQ(said_, (std::map<std::string, std::string>{{"host-a", "1"}, {"host-b", "1"}}));
  EXPECT_EQ(followers_->roles(), (std::vector<std::string>{"host-a", "host-b"}));
}

TEST_F(RoleFollowersTest, OneThatIsStartedAnewIsFollowedAgain) {
  auto server = std::make_optional(role("host-a"));
  follow();
  EXPECT_TRUE(eventually([&] {
    const auto& said = said_["host-a"];
    if (said == "1" && server) {
      number_ = 2;
      server->publish();
    }
    if (said == "12" && server) loop_.post([&] { server.reset(); });
    if (said == "12-" && !server) {
      number_ = 3;
      server = role("host-a");
    }
    return said == "12-3";
  })) << said_["host-a"];
}

TEST_F(RoleFollowersTest, OneThatIsNotUnderstoodIsFollowedNoMore) {
  auto server = role("host-a");
  follow();
  EXPECT_TRUE(eventually([&] {
    if (said_["host-a"] == "1") {
      number_ = 0;
      server.publish();
    }
    return said_["host-a"] == "1-";
  })) << said_["host-a"];
}

}  // namespace
}  // namespace anabranch::status
