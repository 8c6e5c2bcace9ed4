// SPDX-License-Identifier: MIT
#include "kernel/mptcp_pm.hpp"

#include <gtest/gtest.h>

#include "kernel/rtnetlink.hpp"
#include "support/private_network.hpp"

namespace anabranch::kernel {
namespace {

TEST(MptcpPathManager, EndpointsAndLimitsRoundTrip) {
  if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
  auto netlink = Rtnetlink::open().value();
  ASSERT_TRUE(netlink.set_up(1, true));
  auto manager = MptcpPathManager::open();
  if (!manager) GTEST_SKIP() << manager.error().text();

  MptcpEndpoint endpoint;
  endpoint.id = 2;
  endpoint.address = IpAddress::parse("127.0.0.2").value();
  endpoint.flags = MptcpEndpoint::kSubflow;
  endpoint.ifindex = 1;
  ASSERT_TRUE(manager->add(endpoint));
  EXPECT_EQ(manager->endpoints().value(), std::vector{endpoint});
  const auto again = manager->add(endpoint);
  EXPECT_FALSE(again);

  ASSERT_TRUE(manager->remove(endpoint));
  EXPECT_TRUE(manager->endpoints().value().empty());
  EXPECT_TRUE(manager->remove(endpoint)) << "removing what is gone is success";

  ASSERT_TRUE(manager->set_limits({4, 8}));
  EXPECT_EQ(manager->limits().value(), (MptcpLimits{4, 8}));
}

}  // namespace
}  // namespace anabranch::kernel
