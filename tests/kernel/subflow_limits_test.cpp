// SPDX-License-Identifier: MIT
// Limits by local address on real connections. The first link of the two hosts is the fast path,
// the second one the slow path.
#include "kernel/subflow_limits.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "kernel/socket_diag.hpp"
#include "support/test_cgroup.hpp"
#include "support/two_hosts.hpp"

namespace anabranch::kernel {
namespace {

using Type = MptcpEvent::Type;
using test::endpoint;
using test::must;

constexpr SubflowLimit kFast{150000, 0};
constexpr SubflowLimit kSlow{0, 4096};

std::uint32_t send_buffer_of(const UniqueFd& socket) {
  int out = 0;
  socklen_t length = sizeof out;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &out, &length);
  return static_cast<std::uint32_t>(out);
}

class SubflowLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto loadable = SubflowLimits::loadable(); !loadable) {
      // A program that the kernel's verifier refuses must not pass for a missing privilege.
      ASSERT_NE(loadable.error().what.find("not permitted"), std::string::npos)
          << loadable.error().what;
      GTEST_SKIP() << loadable.error().what;
    }
    cgroup_.emplace(test::TestCgroup::enter());
    if (!*cgroup_) GTEST_SKIP() << "no cgroup of version 2 can be made";
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    if (!MptcpCommands::open()) GTEST_SKIP() << "no MPTCP in this kernel";
    hosts_.emplace();
    diag_.emplace(hosts_->client.inside([] { return must(SocketDiag::open()); }));
    events_.emplace(hosts_->client);
    commands_.emplace(hosts_->client.inside([] { return must(MptcpCommands::open()); }));
  }
  const std::string& cgroup() const { return (*cgroup_)->path(); }
  SubflowLimits limits_of(const test::Host& host) const {
    return host.inside([&] { return must(SubflowLimits::open(cgroup())); });
  }

  /// The key of the first subflow of a new connection.
  SocketDiag::Key connect() {
    connection_.reset();
    connection_.emplace(*hosts_);
    initial_ = events_->take(Type::kEstablished).value();
    return {initial_.local, initial_.remote, 0};
  }
  SocketDiag::Key add_subflow(const std::string& from) {
    must(commands_->create({initial_.token, 7, endpoint(from, 0).address, 0, 0,
                            endpoint("10.77.1.2", test::kServerPort), false}));
    const auto event = events_->take(Type::kSubflowEstablished).value();
    return {event.local, event.remote, event.ifindex};
  }
  SubflowDiag look(const SocketDiag::Key& key) { return must(diag_->subflow(key)).value(); }

  /// What waits unsent in `subflow` after the application wrote 60 KB to a path that has fallen
  /// silent, so that no more than the first congestion window can leave.
  std::uint32_t unsent_on_silent_path(const SocketDiag::Key& subflow, const std::string& link) {
    hosts_->server.inside([&] {
      auto netlink = must(Rtnetlink::open());
      must(netlink.set_up(must(netlink.link(link)).index, false));
      return true;
    });
    const std::vector<char> piece(1000, 'x');
    for (int i = 0; i < 60; ++i)
      if (::send(connection_->client.get(), piece.data(), piece.size(),
                 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        break;
    return look(subflow).unsent;
  }

  std::optional<std::optional<test::TestCgroup>> cgroup_;
  std::optional<test::TwoHosts> hosts_;
  std::optional<SocketDiag> diag_;
  std::optional<test::EventLog> events_;
  std::optional<MptcpCommands> commands_;
  std::optional<test::Connection> connection_;
  MptcpEvent initial_;
};

TEST_F(SubflowLimitsTest, EachSubflowGetsThatOfItsAddress) {
  const auto before = look(connect());
  auto limits = limits_of(hosts_->client);
  must(limits.set(endpoint("10.77.1.1", 0).address, kFast));
  EXPECT_EQ(look({initial_.local, initial_.remote, 0}).send_buffer, before.send_buffer)
      << "what exists stays as it is";
  const auto first = connect();
  EXPECT_EQ(look(first).send_buffer, 2 * kFast.send_buffer);
  const auto second = add_subflow("10.77.2.1");
  EXPECT_EQ(look(second).send_buffer, before.send_buffer);
  connection_->exchange(50000);
  EXPECT_GE(send_buffer_of(connection_->client), 2 * kFast.send_buffer)
      << "the connection's buffer grows by that of its subflows";

  must(limits.clear(endpoint("10.77.1.1", 0).address));
  EXPECT_TRUE(limits.clear(endpoint("10.77.1.1", 0).address)) << "having none is success";
  EXPECT_EQ(look(connect()).send_buffer, before.send_buffer);
}

TEST_F(SubflowLimitsTest, AJoinedSubflowIsLimitedToo) {
  auto limits = limits_of(hosts_->client);
  must(limits.set(endpoint("10.77.2.1", 0).address, kFast));
  connect();
  EXPECT_EQ(look(add_subflow("10.77.2.1")).send_buffer, 2 * kFast.send_buffer);
}

TEST_F(SubflowLimitsTest, ASlowSubflowQueuesNoMoreThanItsLowWaterMark) {
  const auto free = unsent_on_silent_path(connect(), "link1");
  EXPECT_GT(free, 20000U);

  hosts_->server.configure();
  auto limits = limits_of(hosts_->client);
  must(limits.set(endpoint("10.77.1.1", 0).address, kSlow));
  const auto limited = unsent_on_silent_path(connect(), "link1");
  EXPECT_LT(limited, 2 * kSlow.unsent_low_water);
}

TEST_F(SubflowLimitsTest, TheServersSideIsLimitedByItsOwnAddress) {
  auto limits = limits_of(hosts_->server);
  must(limits.set(endpoint("10.77.1.2", 0).address, kFast));
  const auto client = connect();
  auto diag = hosts_->server.inside([] { return must(SocketDiag::open()); });
  EXPECT_EQ(must(diag.subflow({client.remote, client.local, 0}))->send_buffer,
            2 * kFast.send_buffer);
  EXPECT_NE(look(client).send_buffer, 2 * kFast.send_buffer);
}

TEST_F(SubflowLimitsTest, TheSameAddressInAnotherNamespaceIsLeftAlone) {
  auto limits = limits_of(hosts_->server);
  must(limits.set(endpoint("10.77.1.1", 0).address, kFast));
  EXPECT_NE(look(connect()).send_buffer, 2 * kFast.send_buffer);
}

TEST_F(SubflowLimitsTest, PlainTcpIsLeftAlone) {
  auto limits = limits_of(hosts_->client);
  must(limits.set(endpoint("10.77.1.1", 0).address, kFast));
  const test::Connection plain(*hosts_, IPPROTO_TCP);
  EXPECT_NE(send_buffer_of(plain.client), 2 * kFast.send_buffer);
}

TEST_F(SubflowLimitsTest, AnMptcpSocketThatBecamePlainTcpIsLeftAlone) {
  auto limits = limits_of(hosts_->client);
  must(limits.set(endpoint("10.77.1.1", 0).address, kFast));
  const test::Connection plain(*hosts_, kIpprotoMptcp, IPPROTO_TCP);
  const auto subflows = must(diag_->subflows());
  ASSERT_EQ(subflows.size(), 1U);
  EXPECT_TRUE(must(diag_->connection(subflows[0].token))->fallback);
  EXPECT_NE(subflows[0].send_buffer, 2 * kFast.send_buffer);
}

TEST_F(SubflowLimitsTest, NothingIsLimitedAfterItsEnd) {
  {
    auto limits = limits_of(hosts_->client);
    must(limits.set(endpoint("10.77.1.1", 0).address, kFast));
  }
  EXPECT_NE(look(connect()).send_buffer, 2 * kFast.send_buffer);
}

TEST_F(SubflowLimitsTest, WhatIsNoCgroupIsRefusedWithAReason) {
  const auto limits = SubflowLimits::open("/proc");
  ASSERT_FALSE(limits);
  EXPECT_EQ(limits.error().code, ExitCode::kNotPermitted);
  EXPECT_NE(limits.error().hint.find("cgroup2"), std::string::npos);
}

}  // namespace
}  // namespace anabranch::kernel
