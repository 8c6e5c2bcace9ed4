// SPDX-License-Identifier: MIT
// Checks of servers on loopback: one that listens, one that does not.
#include "balancer/health_checks.hpp"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using test::at;
using ::testing::HasSubstr;

constexpr seconds kPatience{20};

/// Accepts connections at 127.0.0.1 as any kernel does, and says nothing.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_storage name{};
    socklen_t size = at("127.0.0.1:0").address.to_sockaddr(0, name);
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    EXPECT_EQ(::bind(fd_.get(), address, size), 0);
    EXPECT_EQ(::listen(fd_.get(), 100), 0);
    EXPECT_EQ(::getsockname(fd_.get(), address, &size), 0);
    port = ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
  }
  std::uint16_t port = 0;

 private:
  UniqueFd fd_;
};

struct Checked {
  std::optional<Listener> listener{std::in_place};
  Endpoint service = at("198.51.100.10:443");
  BalancerSettings settings;
  Loop loop;
  int changes = 0;
  HealthChecks checks{loop, [this] {
                        ++changes;
                        if (checks.settled()) loop.stop();
                      }};

  Checked() {
    settings.vips = {{.address = service,
                      .servers = {1, 2},
                      .health = {.kind = CheckKind::kTcp,
                                 .interval = milliseconds(100),
                                 .timeout = milliseconds(100),
                                 .rise = 1,
                                 .fall = 1,
                                 .port = listener->port}}};
    settings.servers = {server(1, "127.0.0.1:0"), server(2, "127.0.0.2:0")};
  }
  static Server server(std::uint16_t id, const char* address) {
    return {.name = "server" + std::to_string(id),
            .id = id,
            .addresses = {at(address).address, {}},
            .join_addresses = {}};
  }
  const Health& health(std::uint16_t id) { return checks.states().at({service, id}); }
};

/// Until every server has been checked.
void run(Loop& loop) {
  bool late = false;
  const auto deadline = loop.after(kPatience, [&] {
    late = true;
    loop.stop();
  });
  loop.run();
  ASSERT_FALSE(late) << "the first round has no end";
}

TEST(BalancerHealthChecks, TheFirstRoundTellsWhoServes) {
  Checked checked;
  ASSERT_TRUE(checked.checks.follow(checked.settings));
  EXPECT_FALSE(checked.checks.settled());
  EXPECT_EQ(checked.changes, 0);
  run(checked.loop);
  EXPECT_EQ(checked.health(1).verdict(), Health::Verdict::kUp);
  EXPECT_FALSE(checked.health(2).up());
  EXPECT_THAT(checked.health(2).trouble(), HasSubstr("refused"));
}

TEST(BalancerHealthChecks, AServiceWithoutChecksHasNone) {
  Checked checked;
  checked.settings.vips[0].health.kind = CheckKind::kNone;
  ASSERT_TRUE(checked.checks.follow(checked.settings));
  EXPECT_TRUE(checked.checks.settled());
  EXPECT_TRUE(checked.checks.states().empty());
}

TEST(BalancerHealthChecks, AnHttpServerThatSaysNothingIsDown) {
  Checked checked;
  checked.settings.vips[0].servers = {1};
  checked.settings.vips[0].health.kind = CheckKind::kHttp;
  checked.settings.vips[0].health.path = "/";
  ASSERT_TRUE(checked.checks.follow(checked.settings));
  run(checked.loop);
  EXPECT_FALSE(checked.health(1).up());
  EXPECT_THAT(checked.health(1).trouble(), HasSubstr("no answer within 100 ms"));
}

TEST(BalancerHealthChecks, WhatIsKnownStaysWhenTheFileIsReadAgain) {
  Checked checked;
  ASSERT_TRUE(checked.checks.follow(checked.settings));
  run(checked.loop);
  checked.settings.servers.push_back(Checked::server(3, "127.0.0.3:0"));
  checked.settings.vips[0].servers = {1, 2, 3};
  checked.settings.vips[0].health.rise = 5;
  ASSERT_TRUE(checked.checks.follow(checked.settings));
  EXPECT_EQ(checked.health(2).verdict(), Health::Verdict::kDown);
  EXPECT_EQ(checked.health(3).verdict(), Health::Verdict::kUnknown);
  checked.settings.vips[0].servers = {2};
  ASSERT_TRUE(checked.checks.follow(checked.settings));
  EXPECT_EQ(checked.checks.states().size(), 1U);
}

}  // namespace
}  // namespace anabranch::balancer
