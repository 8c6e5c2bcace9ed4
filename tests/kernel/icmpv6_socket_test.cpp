// SPDX-License-Identifier: MIT
// Two ends of one cable, va and vb, in a network namespace of their own.
#include "kernel/icmpv6_socket.hpp"

#include <cstring>

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "kernel/rtnetlink.hpp"
#include "kernel/sysctl.hpp"
#include "support/private_network.hpp"

namespace anabranch::kernel {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::uint8_t kSolicitation = 133;
constexpr std::uint8_t kAdvertisement = 134;
constexpr int kDeadline = 5000;  ///< ms

const IpAddress kFirst = *IpAddress::parse("fe80::a1");
const IpAddress kSecond = *IpAddress::parse("fe80::a2");
const IpAddress kThird = *IpAddress::parse("fe80::b1");  ///< at the other end

Octets message(std::uint8_t type, std::size_t size = 16) {
  Octets out(size);
  out[0] = type;
  return out;
}

class Icmpv6 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    auto netlink = Rtnetlink::open();
    ASSERT_TRUE(netlink);
    ASSERT_TRUE(netlink->create_veth("va", here.get(), "vb", here.get()));
    for (const std::string name : {"va", "vb"}) {
      // Addresses are usable at once; nobody but our sockets heeds an advertisement.
      ASSERT_TRUE(write_sysctl("net/ipv6/conf/" + name + "/accept_dad", "0"));
      ASSERT_TRUE(write_sysctl("net/ipv6/conf/" + name + "/accept_ra", "0"));
      ASSERT_TRUE(netlink->set_up(::if_nametoindex(name.c_str()), true));
    }
    const auto deadline = MonotonicClock::now() + milliseconds(kDeadline);
    // A cable carries when the kernel has taken note of both ends.
    while (!netlink->link("va")->running || !netlink->link("vb")->running)
      ASSERT_LT(MonotonicClock::now(), deadline);
    for (const auto& own : {kFirst, kSecond})
      ASSERT_TRUE(netlink->add(Address{::if_nametoindex("va"), IpPrefix(own, 64)}));
    ASSERT_TRUE(netlink->add(Address{::if_nametoindex("vb"), IpPrefix(kThird, 64)}));
  }

  /// Waits for the next message.
  static std::optional<Icmpv6Socket::Received> heard(Icmpv6Socket& socket) {
    pollfd wanted{socket.fd(), POLLIN, 0};
    if (::poll(&wanted, 1, kDeadline) != 1) return std::nullopt;
    auto received = socket.receive();
    EXPECT_TRUE(received) << received.error().text();
    return received.value_or(std::nullopt);
  }

  /// What Icmpv6Socket would not send.
  static void send_plainly(const Octets& octets, int hop_limit) {
    const UniqueFd fd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
    ASSERT_EQ(
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hop_limit, sizeof hop_limit), 0);
    sockaddr_storage to{};
    const auto size = all_nodes().to_sockaddr(0, to);
    reinterpret_cast<sockaddr_in6&>(to).sin6_scope_id = ::if_nametoindex("va");
    ASSERT_EQ(::sendto(fd.get(), octets.data(), octets.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to), size),
              static_cast<ssize_t>(octets.size()));
  }
};

TEST_F(Icmpv6, MessagesComeWithTheAddressTheyWereSentFrom) {
  auto router = Icmpv6Socket::open("va", {kSolicitation}, {all_routers()});
  auto host = Icmpv6Socket::open("vb", {kAdvertisement}, {});
  ASSERT_TRUE(router && host);
  for (const auto& source : {kSecond, kFirst}) {
    ASSERT_TRUE(router->send(message(kAdvertisement), source, all_nodes()));
    const auto received = heard(*host);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->source, source);
    EXPECT_EQ(received->destination, all_nodes());
    EXPECT_EQ(received->message.size(), 16u);
    EXPECT_EQ(received->message[0], kAdvertisement);
    EXPECT_TRUE(received->message[2] != 0 || received->message[3] != 0) << "the kernel's checksum";
  }
  EXPECT_FALSE(*host->receive()) << "nothing waits any more";
}

TEST_F(Icmpv6, OtherTypesAndOtherInterfacesAreNotHeard) {
  auto sender = Icmpv6Socket::open("va", {}, {});
  auto host = Icmpv6Socket::open("vb", {kAdvertisement}, {all_routers()});
  auto elsewhere = Icmpv6Socket::open("lo", {kAdvertisement}, {});
  ASSERT_TRUE(sender && host && elsewhere);
  ASSERT_TRUE(sender->send(message(kSolicitation), kFirst, all_routers()));
  ASSERT_TRUE(sender->send(message(kAdvertisement), kFirst, all_nodes()));
  const auto received = heard(*host);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->message[0], kAdvertisement);
  EXPECT_FALSE(*host->receive());
  EXPECT_FALSE(*elsewhere->receive());
  EXPECT_FALSE(*sender->receive()) << "one's own";
}

TEST_F(Icmpv6, GroupsAreHeardByTheirMembers) {
  auto router = Icmpv6Socket::open("va", {kSolicitation}, {all_routers()});
  auto host = Icmpv6Socket::open("vb", {kAdvertisement}, {});
  ASSERT_TRUE(router && host);
  ASSERT_TRUE(host->send(message(kSolicitation, 8), kThird, all_routers()));
  const auto received = heard(*router);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->source, kThird);
}

TEST_F(Icmpv6, WhatMayComeFromBeyondTheLinkIsPassedOverAndCounted) {
  auto host = Icmpv6Socket::open("vb", {kAdvertisement}, {});
  auto sender = Icmpv6Socket::open("va", {}, {});
  ASSERT_TRUE(host && sender);
  send_plainly(message(kAdvertisement), 254);
  send_plainly(message(kAdvertisement, 4000), 255);  // in fragments
  ASSERT_TRUE(sender->send(message(kAdvertisement), kFirst, all_nodes()));
  const auto received = heard(*host);
  EXPECT_EQ(host->from_elsewhere(), 2u);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->message.size(), 16u);
}

TEST_F(Icmpv6, WhatCannotBeOpenedOrSentIsSaid) {
  const auto nowhere = Icmpv6Socket::open("vc", {kAdvertisement}, {});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().where, "vc");
  auto socket = Icmpv6Socket::open("va", {}, {});
  ASSERT_TRUE(socket);
  EXPECT_FALSE(socket->send(message(kAdvertisement), *IpAddress::parse("fe80::77"), all_nodes()))
      << "not an address of ours";
  EXPECT_FALSE(socket->send(message(kAdvertisement), IpAddress(), all_nodes()));
}

}  // namespace
}  // namespace anabranch::kernel
