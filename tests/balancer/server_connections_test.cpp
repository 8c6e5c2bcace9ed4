// SPDX-License-Identifier: MIT
// The balancers are told of each connection to a service that began and that ended.
#include "balancer/server_connections.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using kernel::ConnectionInfo;
using kernel::MptcpEvent;
using test::at;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Type = MptcpEvent::Type;

const Endpoint kService = at("198.51.100.10:443");
const Endpoint kOther = at("198.51.100.10:80");

MptcpEvent event(Type type, std::uint32_t token, const Endpoint& local = kService) {
  MptcpEvent out;
  out.type = type;
  out.token = token;
  out.local = local;
  out.server_side = true;
  return out;
}

ConnectionInfo connection(std::uint32_t token, std::uint8_t state = 1) {
  ConnectionInfo out;
  out.token = token;
  out.local = kService;
  out.state = state;
  return out;
}

ServerConnections serving(std::size_t most = ServerConnections::kMost) {
  ServerConnections out(most);
  out.serve(std::vector{kService, kOther});
  return out;
}

TEST(ServerConnections, AreToldOnceWhenTheyBeginAndWhenTheyEnd) {
  auto all = serving();
  all.take(event(Type::kCreated, 7));
  all.take(event(Type::kEstablished, 7));
  all.take(event(Type::kEstablished, 8, kOther));
  EXPECT_THAT(all.changes().learned, UnorderedElementsAre(7, 8));
  EXPECT_TRUE(all.changes().empty());
  EXPECT_EQ(all.count(), 2U);
  EXPECT_EQ(all.count(kOther), 1U);
  all.take(event(Type::kClosed, 7));
  EXPECT_THAT(all.changes().gone, UnorderedElementsAre(7));
  EXPECT_EQ(all.count(kService), 0U);
}

TEST(ServerConnections, OfOthersAreNone) {
  auto all = serving();
  all.take(event(Type::kCreated, 1, at("198.51.100.10:22")));
  auto outgoing = event(Type::kCreated, 2);
  outgoing.server_side = false;
  all.take(outgoing);
  all.take(event(Type::kClosed, 3));
  all.take(event(Type::kSubflowEstablished, 4));
  EXPECT_TRUE(all.changes().empty());
}

TEST(ServerConnections, WhatCameAndWentMeanwhileIsNotTold) {
  auto all = serving();
  all.take(event(Type::kCreated, 7));
  all.take(event(Type::kClosed, 7));
  EXPECT_TRUE(all.changes().empty());
}

TEST(ServerConnections, AfterEventsWereLostTheyAreWhatIsThere) {
  auto all = serving();
  all.take(event(Type::kCreated, 1));
  all.take(event(Type::kCreated, 2));
  static_cast<void>(all.changes());
  auto fallen_back = connection(4);
  fallen_back.fallback = true;
  const std::uint8_t closed = 7;
  const std::uint8_t close_wait = 8;
  all.replace(std::vector{connection(2, close_wait), connection(3), fallen_back, connection(0),
                          connection(5, closed)});
  const auto changes = all.changes();
  EXPECT_THAT(changes.learned, UnorderedElementsAre(3));
  EXPECT_THAT(changes.gone, UnorderedElementsAre(1));
  EXPECT_THAT(all.tokens(), UnorderedElementsAre(2, 3));
}

TEST(ServerConnections, NewServicesTakeTheirConnectionsWithThem) {
  auto all = serving();
  all.replace(std::vector{connection(1)});
  all.take(event(Type::kCreated, 2, kOther));
  static_cast<void>(all.changes());
  all.serve(std::vector{kService});
  all.replace(std::vector{connection(1)});
  const auto changes = all.changes();
  EXPECT_THAT(changes.learned, IsEmpty()) << "what was known is not told again";
  EXPECT_THAT(changes.gone, UnorderedElementsAre(2));
}

TEST(ServerConnections, HaveABound) {
  auto all = serving(2);
  for (const std::uint32_t token : {1, 2, 3}) all.take(event(Type::kCreated, token));
  EXPECT_EQ(all.count(), 2U);
  EXPECT_EQ(all.left_out(), 1U);
  all.take(event(Type::kClosed, 1));
  all.take(event(Type::kCreated, 4));
  EXPECT_THAT(all.tokens(), UnorderedElementsAre(2, 4));
}

}  // namespace
}  // namespace anabranch::balancer
