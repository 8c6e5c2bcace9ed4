// SPDX-License-Identifier: MIT
// Both ends of a connection on loopback inside this process.
#include "kernel/mptcp_socket.hpp"

#include <string>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace anabranch::kernel {
namespace {

struct Connection {
  UniqueFd listener;
  UniqueFd client;
  UniqueFd server;
  std::uint16_t port = 0;
};

Connection connect_loopback(Transport listening, Transport connecting) {
  Connection out;
  const auto loopback = IpAddress::parse("127.0.0.1").value();
  out.listener = open_stream_socket(Family::kIpv4, listening).value();
  out.client = open_stream_socket(Family::kIpv4, connecting).value();
  sockaddr_storage address{};
  socklen_t length = loopback.to_sockaddr(0, address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(out.listener.get(), raw, length), 0);
  EXPECT_EQ(::listen(out.listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(out.listener.get(), raw, &length), 0);
  out.port = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  EXPECT_EQ(::connect(out.client.get(), raw, length), -1);
  pollfd readable{out.listener.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 5000), 1);
  out.server = UniqueFd(::accept(out.listener.get(), nullptr, nullptr));
  EXPECT_TRUE(out.server);
  return out;
}

void send_and_wait(const Connection& connection, const std::string& text) {
  ASSERT_EQ(::send(connection.client.get(), text.data(), text.size(), 0), ssize_t(text.size()));
  std::string read(text.size(), 0);
  ASSERT_EQ(::recv(connection.server.get(), read.data(), read.size(), MSG_WAITALL),
            ssize_t(text.size()));
}

TEST(MptcpSocket, BothEndsMptcpIsMptcpWithOneSubflow) {
  if (!mptcp_available()) GTEST_SKIP() << "no MPTCP in this network namespace";
  const auto connection = connect_loopback(Transport::kMptcp, Transport::kMptcp);
  send_and_wait(connection, "twelve octet");
  EXPECT_TRUE(is_mptcp(connection.client.get()));
  EXPECT_TRUE(is_mptcp(connection.server.get()));

  const auto seen = subflows(connection.server.get()).value();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].local.text(), "127.0.0.1");
  EXPECT_EQ(seen[0].local_port, connection.port);
  EXPECT_EQ(seen[0].octets_received, 12U);
  EXPECT_TRUE(seen[0].established);
  EXPECT_GT(seen[0].rtt.count(), 0);
}

TEST(MptcpSocket, PeerWithoutMptcpIsSeenAsFallback) {
  if (!mptcp_available()) GTEST_SKIP() << "no MPTCP in this network namespace";
  const auto connection = connect_loopback(Transport::kTcp, Transport::kMptcp);
  send_and_wait(connection, "x");
  EXPECT_FALSE(is_mptcp(connection.client.get()));
  const auto seen = subflows(connection.client.get()).value();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].remote_port, connection.port);
}

TEST(MptcpSocket, PlainTcpIsItsOwnSubflow) {
  const auto connection = connect_loopback(Transport::kTcp, Transport::kTcp);
  send_and_wait(connection, "twelve octet");
  EXPECT_FALSE(is_mptcp(connection.server.get()));
  const auto seen = subflows(connection.server.get()).value();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].local_port, connection.port);
  EXPECT_EQ(seen[0].remote.text(), "127.0.0.1");
  EXPECT_EQ(seen[0].octets_received, 12U);
}

TEST(MptcpSocket, CongestionControlIsSetPerSocket) {
  const auto connection = connect_loopback(Transport::kTcp, Transport::kTcp);
  ASSERT_TRUE(set_congestion_control(connection.client.get(), "reno"));
  EXPECT_EQ(congestion_control(connection.client.get()).value(), "reno");
}

void expect_unknown_congestion_control_refused(Transport transport) {
  auto socket = open_stream_socket(Family::kIpv4, transport).value();
  const auto result = set_congestion_control(socket.get(), "fastest");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what.find("fastest"), std::string::npos);
  EXPECT_FALSE(result.error().hint.empty());
}

TEST(MptcpSocket, UnknownCongestionControlIsAnErrorWithAHint) {
  expect_unknown_congestion_control_refused(Transport::kTcp);
}

TEST(MptcpSocket, UnknownCongestionControlIsNotForgottenOnMptcp) {
  if (!mptcp_available()) GTEST_SKIP() << "no MPTCP in this network namespace";
  expect_unknown_congestion_control_refused(Transport::kMptcp);
  auto socket = open_stream_socket(Family::kIpv4, Transport::kMptcp).value();
  EXPECT_TRUE(set_congestion_control(socket.get(), "reno"));
}

}  // namespace
}  // namespace anabranch::kernel
