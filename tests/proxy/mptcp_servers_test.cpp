// SPDX-License-Identifier: MIT
#include "proxy/mptcp_servers.hpp"

#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

const MptcpServers::Time kNow{std::chrono::hours(10)};

Endpoint server(std::uint32_t number) {
  return {IpAddress::v4(0xc6120000 + number), 443};
}

TEST(MptcpServers, RemembersForAnHour) {
  MptcpServers servers;
  EXPECT_FALSE(servers.knows(server(1), kNow));
  servers.learn(server(1), kNow);
  EXPECT_TRUE(servers.knows(server(1), kNow + std::chrono::minutes(59)));
  EXPECT_FALSE(servers.knows(server(1), kNow + std::chrono::minutes(60)));
  EXPECT_FALSE(servers.knows({server(1).address, 80}, kNow)) << "another port is another server";
  servers.forget(server(1));
  EXPECT_FALSE(servers.knows(server(1), kNow));
}

TEST(MptcpServers, TheOldestGoesWhenThereAreTooMany) {
  MptcpServers servers;
  for (std::uint32_t i = 0; i <= MptcpServers::kMost; ++i)
    servers.learn(server(i), kNow + std::chrono::milliseconds(i));
  EXPECT_FALSE(servers.knows(server(0), kNow));
  EXPECT_TRUE(servers.knows(server(1), kNow));
  EXPECT_TRUE(servers.knows(server(MptcpServers::kMost), kNow));
}

}  // namespace
}  // namespace anabranch::proxy
