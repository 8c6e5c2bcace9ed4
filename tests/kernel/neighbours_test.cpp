// SPDX-License-Identifier: MIT
// Neighbours on a link of a network of its own: one that is there, and one that is not.
#include "kernel/neighbours.hpp"

#include <cstring>
#include <optional>

#include <gtest/gtest.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "kernel/namespaces.hpp"
#include "kernel/rtnetlink.hpp"
#include "support/private_network.hpp"

namespace anabranch::kernel {
namespace {

const IpAddress kOurs = IpAddress::parse("192.0.2.1").value();
const IpAddress kTheirs = IpAddress::parse("192.0.2.2").value();
const IpAddress kNobody = IpAddress::parse("192.0.2.9").value();

class NeighboursInKernel : public ::testing::Test {
 protected:
  /// "a" with 192.0.2.1 here, "b" in a namespace of its own with 192.0.2.2.
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    const auto far = current_network_namespace().value();
    there.emplace(Rtnetlink::open().value());
    ASSERT_TRUE(test::enter_private_network());
    const auto here = current_network_namespace().value();
    auto netlink = Rtnetlink::open().value();
    ASSERT_TRUE(netlink.create_veth("a", here.get(), "b", far.get()));
    ifindex = netlink.link("a").value().index;
    other = there->link("b").value().index;
    ASSERT_TRUE(netlink.set_up(ifindex, true));
    ASSERT_TRUE(there->set_up(other, true));
    ASSERT_TRUE(netlink.add(Address{.ifindex = ifindex, .prefix = IpPrefix(kOurs, 24)}));
    ASSERT_TRUE(there->add(Address{.ifindex = other, .prefix = IpPrefix(kTheirs, 24)}));
    auto opened = Neighbours::open();
    ASSERT_TRUE(opened) << opened.error().text();
    neighbours.emplace(*std::move(opened));
  }

  /// The first news of `address` that says more than "unknown"; nothing within `patience`.
  std::optional<NeighbourState> news(const IpAddress& address, milliseconds patience) {
    const auto deadline = MonotonicClock::now() + patience;
    std::optional<NeighbourState> out;
    while (!out && MonotonicClock::now() < deadline) {
      pollfd waiting{neighbours->fd(), POLLIN, 0};
      ::poll(&waiting, 1, 100);
      neighbours->drain([&](unsigned where, const IpAddress& who, NeighbourState state) {
        if (where == ifindex && who == address && state != NeighbourState::kUnknown && !out)
          out = state;
      });
    }
    return out;
  }

  unsigned ifindex = 0;
  unsigned other = 0;
  std::optional<Rtnetlink> there;
  std::optional<Neighbours> neighbours;
};

TEST_F(NeighboursInKernel, OneThatIsThereIsFoundWithoutAnyTraffic) {
  EXPECT_EQ(neighbours->look(ifindex, kTheirs, false), NeighbourState::kUnknown);
  EXPECT_EQ(news(kTheirs, seconds(2)), NeighbourState::kKnown);
  EXPECT_EQ(neighbours->look(ifindex, kTheirs, true), NeighbourState::kKnown);
}

TEST_F(NeighboursInKernel, OneThatIsNotThereFails) {
  EXPECT_EQ(neighbours->look(ifindex, kNobody, false), NeighbourState::kUnknown);
  EXPECT_EQ(news(kNobody, seconds(8)), NeighbourState::kFailed);
}

TEST_F(NeighboursInKernel, OneThatFailedIsFoundAtOnceWhenItIsAskedForAgain) {
  ASSERT_TRUE(neighbours->look(ifindex, kNobody, false));
  ASSERT_EQ(news(kNobody, seconds(8)), NeighbourState::kFailed);
  ASSERT_EQ(neighbours->look(ifindex, kNobody, true), NeighbourState::kFailed);
  // It comes just after it was asked for in vain. The kernel alone would ask a second later.
  ASSERT_TRUE(there->add(Address{.ifindex = other, .prefix = IpPrefix(kNobody, 24)}));
  ASSERT_EQ(neighbours->look(ifindex, kNobody, true), NeighbourState::kUnknown);
  const auto deadline = MonotonicClock::now() + milliseconds(500);
  while (neighbours->look(ifindex, kNobody, false) != NeighbourState::kKnown)
    ASSERT_LT(MonotonicClock::now(), deadline);
}

TEST_F(NeighboursInKernel, AnEntryOfTheAdministratorsStaysAsItIs) {
  ::arpreq entry{};
  sockaddr_storage address{};
  kNobody.to_sockaddr(0, address);
  std::memcpy(&entry.arp_pa, &address, sizeof entry.arp_pa);
  entry.arp_flags = ATF_COM | ATF_PERM;
  entry.arp_ha.sa_family = ARPHRD_ETHER;
  entry.arp_ha.sa_data[0] = 2;
  std::strcpy(entry.arp_dev, "a");
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::ioctl(socket.get(), SIOCSARP, &entry), 0);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(neighbours->look(ifindex, kNobody, true), NeighbourState::kKnown);
  EXPECT_NE(neighbours->link_address(ifindex, kNobody).value(), std::nullopt);
}

TEST_F(NeighboursInKernel, TheLinkAddressOfOneThatIsThereIsKnown) {
  EXPECT_EQ(neighbours->link_address(ifindex, kTheirs).value(), std::nullopt);
  ASSERT_TRUE(neighbours->look(ifindex, kTheirs, false));
  ASSERT_EQ(news(kTheirs, seconds(2)), NeighbourState::kKnown);
  EXPECT_EQ(neighbours->link_address(ifindex, kTheirs).value(), there->link("b").value().mac);
  ASSERT_TRUE(neighbours->look(ifindex, kNobody, false));
  EXPECT_EQ(neighbours->link_address(ifindex, kNobody).value(), std::nullopt);
}

TEST_F(NeighboursInKernel, ALinkThatIsNotThereIsAnError) {
  EXPECT_FALSE(neighbours->look(9999, kTheirs, false));
}

}  // namespace
}  // namespace anabranch::kernel
