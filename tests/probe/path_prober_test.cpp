// SPDX-License-Identifier: MIT
// A prober in a network of its own: questions over loopback, and to nobody.
#include "probe/path_prober.hpp"

#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/namespaces.hpp"
#include "kernel/rtnetlink.hpp"
#include "support/private_network.hpp"

namespace anabranch::probe {
namespace {

using ::testing::HasSubstr;

const IpAddress kLoopback = IpAddress::v4(0x7f000001);
const IpAddress kLoopback6 = IpAddress::parse("::1").value();
const IpAddress kOurs = IpAddress::parse("10.1.0.2").value();
const IpAddress kNobody = IpAddress::parse("10.1.0.9").value();

/// Nobody answers for a neighbour of 10.1.0.2.
bool prepare_network() {
  if (!test::enter_private_network()) return false;
  auto netlink = kernel::Rtnetlink::open().value();
  const auto here = kernel::current_network_namespace().value();
  if (!netlink.set_up(1, true)) return false;
  if (!netlink.create_veth("a", here.get(), "b", here.get())) return false;
  const unsigned ifindex = netlink.link("a").value().index;
  return netlink.set_up(ifindex, true) && netlink.set_up(netlink.link("b").value().index, true) &&
         netlink.add(kernel::Address{.ifindex = ifindex, .prefix = IpPrefix(kOurs, 24)});
}

class Server {
 public:
  explicit Server(const IpAddress& address)
      : fd_(::socket(address_family(address.family()), SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_storage name{};
    socklen_t size = address.to_sockaddr(0, name);
    auto* const at = reinterpret_cast<sockaddr*>(&name);
    EXPECT_EQ(::bind(fd_.get(), at, size), 0);
    EXPECT_EQ(::listen(fd_.get(), 10), 0);
    EXPECT_EQ(::getsockname(fd_.get(), at, &size), 0);
    port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
  }
  std::uint16_t port() const { return port_; }
  bool has_connection() const { return ::accept(fd_.get(), nullptr, nullptr) >= 0; }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

class PathProberTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!prepare_network()) GTEST_SKIP() << "no network namespaces for this user";
    open({.answered =
              [this](const Answer& answer) {
                answers.push_back(answer);
                heard();
              },
          .measured =
              [this](const Measurement& measured) {
                measurements.push_back(measured);
                heard();
              }});
  }

  void open(PathProber::Callbacks callbacks) {
    auto opened = PathProber::open(loop, std::move(callbacks));
    ASSERT_TRUE(opened) << opened.error().text();
    prober.emplace(*std::move(opened));
  }

  /// Until so many callbacks have come; two seconds at most. Once in a test: a loop that was
  /// stopped stays stopped.
  void wait(unsigned callbacks = 1) {
    awaited = callbacks;
    run(seconds(2));
  }
  void run(nanoseconds time) {
    const auto end = loop.after(time, [this] { loop.stop(); });
    loop.run();
  }
  void heard() {
    if (--awaited == 0) loop.stop();
  }

  Loop loop;
  std::optional<PathProber> prober;
  std::vector<Answer> answers;
  std::vector<Measurement> measurements;
  unsigned awaited = 0;
};

struct PathProberOver : PathProberTest, ::testing::WithParamInterface<IpAddress> {};

TEST_P(PathProberOver, AServerAnswersAndItsApplicationSeesNothing) {
  const Server server(GetParam());
  ASSERT_TRUE(
      prober->ask(7, {.source = GetParam(), .destination = GetParam(), .port = server.port()}));
  wait();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].id, 7U);
  EXPECT_GT(answers[0].rtt, nanoseconds(0));
  EXPECT_LT(answers[0].rtt, seconds(1));
  EXPECT_FALSE(server.has_connection());
}

TEST_P(PathProberOver, AClosedPortAnswersToo) {
  ASSERT_TRUE(prober->ask(8, {.source = GetParam(), .destination = GetParam(), .port = 1}));
  wait();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].id, 8U);
}

TEST_P(PathProberOver, EveryPacketOfATrainIsAnswered) {
  const Server server(GetParam());
  for (const std::uint16_t port : {server.port(), std::uint16_t{1}})
    ASSERT_TRUE(
        prober->measure(port, {.source = GetParam(), .destination = GetParam(), .port = port}));
  wait(2);
  ASSERT_EQ(measurements.size(), 2U);
  for (const auto& measured : measurements) {
    EXPECT_EQ(measured.sent, 6U);
    EXPECT_EQ(measured.answered, 6U);
    EXPECT_GT(measured.rtt, nanoseconds(0));
    EXPECT_GT(measured.rate.mbit(), 0);
  }
  EXPECT_FALSE(server.has_connection());
  EXPECT_EQ(prober->counters().sent, 12U);
  EXPECT_EQ(prober->counters().answered, 12U);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, PathProberOver, ::testing::Values(kLoopback, kLoopback6),
                         [](const auto& test) {
                           return std::string(family_name(test.param.family()));
                         });

TEST_F(PathProberTest, NobodyAnswersAndNothingWaitsForHim) {
  const auto before = MonotonicClock::now();
  const Target target{.source = kOurs, .destination = kNobody, .port = 80};
  ASSERT_TRUE(prober->ask(1, target, milliseconds(50)));
  ASSERT_TRUE(prober->measure(2, target, 4, 1400, milliseconds(60)));
  EXPECT_LT(MonotonicClock::now() - before, milliseconds(50)) << "sending does not wait";
  wait();
  EXPECT_TRUE(answers.empty());
  ASSERT_EQ(measurements.size(), 1U);
  EXPECT_EQ(measurements[0].id, 2U);
  EXPECT_EQ(measurements[0].sent, 4U);
  EXPECT_EQ(measurements[0].answered, 0U);
  EXPECT_EQ(measurements[0].rtt, nanoseconds(0));
  EXPECT_TRUE(measurements[0].rate.unlimited()) << "no rate";
}

TEST_F(PathProberTest, WhatCannotBeSentIsAnErrorAtOnce) {
  const auto error = [&](const Target& target) {
    const auto asked = prober->ask(1, target);
    return asked ? "accepted" : asked.error().text();
  };
  EXPECT_THAT(error({.source = kOurs, .destination = kLoopback6, .port = 80}), HasSubstr("family"));
  EXPECT_THAT(error({.source = kOurs, .destination = kNobody, .port = 0}), HasSubstr("port"));
  EXPECT_THAT(error({.source = IpAddress::v4(0x0a020002), .destination = kNobody, .port = 80}),
              HasSubstr("cannot send"))
      << "an address this host does not have";
  EXPECT_THAT(error({.source = kOurs, .destination = IpAddress::v4(0xc6336401), .port = 80}),
              HasSubstr("cannot send"))
      << "no route";
  const Target good{.source = kOurs, .destination = kNobody, .port = 80};
  EXPECT_FALSE(prober->ask(1, good, seconds(0)));
  EXPECT_FALSE(prober->measure(1, good, 1));
  EXPECT_FALSE(prober->measure(1, good, 17));
  EXPECT_FALSE(prober->measure(1, good, 6, 99));
}

TEST_F(PathProberTest, ATrainTooLongForTheLinkIsMadeShorter) {
  // The veth carries 1500 octets.
  ASSERT_TRUE(prober->measure(1, {.source = kOurs, .destination = kNobody, .port = 80}, 2, 9000,
                              milliseconds(20)));
  wait();
  ASSERT_EQ(measurements.size(), 1U);
  EXPECT_EQ(measurements[0].sent, 2U);
}

TEST_F(PathProberTest, OpenQuestionsAreBounded) {
  const Target target{.source = kOurs, .destination = kNobody, .port = 80};
  for (unsigned i = 0; i < PathProber::kMostOpen; ++i)
    ASSERT_TRUE(prober->ask(i, target, seconds(20))) << i;
  const auto refused = prober->ask(0, target);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("too many"));
}

TEST_F(PathProberTest, AnAnswerMayLeadToTheNextQuestion) {
  const Server server(kLoopback);
  const Target target{.source = kLoopback, .destination = kLoopback, .port = server.port()};
  unsigned count = 0;
  open({.answered =
            [&](const Answer& answer) {
              EXPECT_EQ(answer.id, count);
              if (++count == 100) return loop.stop();
              EXPECT_TRUE(prober->ask(count, target));
            },
        .measured = {}});
  ASSERT_TRUE(prober->ask(0, target));
  wait();
  EXPECT_EQ(count, 100U);
}

TEST_F(PathProberTest, AnAnswerMayEndTheProber) {
  const Server server(kLoopback);
  unsigned count = 0;
  open({.answered =
            [&](const Answer&) {
              ++count;
              prober.reset();
            },
        .measured = {}});
  const Target target{.source = kLoopback, .destination = kLoopback, .port = server.port()};
  ASSERT_TRUE(prober->ask(1, target));
  ASSERT_TRUE(prober->ask(2, target));
  run(milliseconds(50));
  EXPECT_EQ(count, 1U) << "no callback comes after its end";
}

}  // namespace
}  // namespace anabranch::probe
