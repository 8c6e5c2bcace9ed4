// SPDX-License-Identifier: MIT
// A converter (198.18.9.9:5124) and a machine with two addresses, one for each uplink, in one
// network namespace; nft takes away what an uplink shall lose.
#include "proxy/syn_race.hpp"

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "kernel/nft.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/stream_socket.hpp"
#include "kernel/sysctl.hpp"
#include "support/private_network.hpp"

namespace anabranch::proxy {
namespace {

using namespace std::chrono_literals;

const Endpoint kConverter = Endpoint::parse("198.18.9.9:5124").value();
const std::vector<UplinkAddress> kUplinks{{"slow", IpAddress::parse("192.0.2.1").value()},
                                          {"fast", IpAddress::parse("203.0.113.1").value()}};

class Race : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace";
    if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP";
    auto netlink = kernel::Rtnetlink::open();
    ASSERT_TRUE(netlink);
    ASSERT_TRUE(netlink->set_up(1, true));
    for (const auto* address : {"192.0.2.1", "203.0.113.1", "198.18.9.9"}) {
      kernel::Address own;
      own.ifindex = 1;
      own.prefix = IpPrefix::host(IpAddress::parse(address).value());
      ASSERT_TRUE(netlink->add(own));
    }
    ASSERT_TRUE(kernel::write_sysctl("net/mptcp/blackhole_timeout", "0"));
    reactor_ = std::move(relay::Reactor::create().value());
  }

  void serve(kernel::Transport transport = kernel::Transport::kMptcp) {
    auto listener = kernel::listen_on(kConverter, {.transport = transport, .congestion = "cubic"});
    ASSERT_TRUE(listener) << listener.error().text();
    listener_ = *std::move(listener);
  }

  static void drop(const std::string& what) {
    ASSERT_TRUE(kernel::apply_nft(
        "table inet lossy { chain out { type filter hook output priority 0; policy accept; " +
        what + " drop; }; }"));
  }

  /// Until it is decided.
  SynRace::End run() {
    SynRace::End out;
    auto race = std::make_unique<SynRace>(*reactor_, [&](SynRace::End end) {
      out = std::move(end);
      race_.reset();
      reactor_->stop();
    });
    race_ = std::move(race);
    began_ = std::chrono::steady_clock::now();
    out.error = race_->begin(kConverter, "cubic", kUplinks);
    if (out.error == 0) reactor_->run();
    return out;
  }

  /// Connections that the converter is given to see.
  int accepted() {
    int out = 0;
    for (pollfd one{listener_.get(), POLLIN, 0}; ::poll(&one, 1, 200) == 1; ++out)
      kernel::accept_from(listener_.get());
    return out;
  }

  std::unique_ptr<relay::Reactor> reactor_;
  std::unique_ptr<SynRace> race_;
  UniqueFd listener_;
  std::chrono::steady_clock::time_point began_;
};

TEST_F(Race, TheFirstAnswerWinsAndIsTheOnlyConnection) {
  serve();
  // The kernel sends such a SYN again after a second.
  drop("ip daddr 192.0.2.1 tcp flags & (syn | ack) == syn | ack");
  const auto end = run();
  EXPECT_LT(std::chrono::steady_clock::now() - began_, 900ms) << "it waits for the slow one";
  ASSERT_TRUE(end.fd);
  EXPECT_EQ(end.uplink, "fast");
  EXPECT_TRUE(kernel::is_mptcp(end.fd.get()));
  EXPECT_EQ(kernel::own_endpoint(end.fd.get())->address.text(), "203.0.113.1");
  EXPECT_EQ(accepted(), 1);
}

TEST_F(Race, ADeadUplinkDelaysNothing) {
  serve();
  drop("ip saddr 192.0.2.1");
  const auto end = run();
  EXPECT_LT(std::chrono::steady_clock::now() - began_, 900ms);
  EXPECT_EQ(end.uplink, "fast");
}

TEST_F(Race, AnAnswerWithoutMptcpWaitsForOneWithIt) {
  serve();
  // Something on the slow uplink's way takes the option away: that is answered at once.
  ASSERT_TRUE(kernel::apply_nft(
      "table inet strip { chain out { type filter hook output priority 0; policy accept;"
      " ip saddr 192.0.2.1 tcp option mptcp exists reset tcp option mptcp;"
      " ip saddr 203.0.113.1 tcp flags & (syn | ack) == syn limit rate over 1/hour burst 1 packets"
      " accept;"
      " ip saddr 203.0.113.1 tcp flags & (syn | ack) == syn drop; }; }"));
  const auto end = run();
  EXPECT_EQ(end.uplink, "fast");
  EXPECT_TRUE(kernel::is_mptcp(end.fd.get()));
}

TEST_F(Race, WithoutMptcpAnywhereTheFirstIsKept) {
  serve(kernel::Transport::kTcp);
  const auto end = run();
  ASSERT_TRUE(end.fd);
  EXPECT_FALSE(kernel::is_mptcp(end.fd.get()));
}

TEST_F(Race, ARefusalOverBothIsOne) {
  const auto end = run();
  EXPECT_FALSE(end.fd);
  EXPECT_EQ(end.error, ECONNREFUSED);
}

}  // namespace
}  // namespace anabranch::proxy
