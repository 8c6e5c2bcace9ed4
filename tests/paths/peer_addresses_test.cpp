// SPDX-License-Identifier: MIT
#include "paths/peer_addresses.hpp"

#include <string>

#include <gtest/gtest.h>

namespace anabranch::paths {
namespace {

Endpoint endpoint(const std::string& text, std::uint16_t port = 443) {
  return {*IpAddress::parse(text), port};
}

Connection connection() {
  Connection out;
  out.token = 1;
  out.local = endpoint("192.0.2.9", 40000);
  out.remote = endpoint("10.0.1.1");
  out.peer_addresses[0] = {0, out.remote, false};
  return out;
}

Acceptance announce(Connection& connection, std::uint8_t id, const Endpoint& remote) {
  kernel::MptcpEvent event;
  event.type = kernel::MptcpEvent::Type::kAnnounced;
  event.remote_id = id;
  event.remote = remote;
  return accept_announced(connection, event);
}

TEST(PeerAddresses, AnAnnouncedAddressIsStoredAndTakenBack) {
  auto c = connection();
  EXPECT_EQ(announce(c, 2, endpoint("10.0.2.1", 8443)), Acceptance::kStored);
  EXPECT_EQ(c.peer_addresses.at(2).endpoint, endpoint("10.0.2.1", 8443));
  EXPECT_TRUE(c.peer_addresses.at(2).announced);
  EXPECT_EQ(announce(c, 2, endpoint("10.0.2.1", 8443)), Acceptance::kRefreshed);
  const auto removed = accept_removed(c, 2);
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->endpoint, endpoint("10.0.2.1", 8443));
  EXPECT_FALSE(c.peer_addresses.contains(2));
  EXPECT_FALSE(accept_removed(c, 2)) << "an unknown id is passed over";
}

TEST(PeerAddresses, PlacesNobodyCanBeReachedAtAreRejected) {
  auto c = connection();
  for (const auto* text : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                           "169.254.1.1", "::", "::1", "ff02::1", "fe80::1"})
    EXPECT_EQ(announce(c, 3, endpoint(text)), Acceptance::kRejected) << text;
  EXPECT_EQ(announce(c, 3, endpoint("10.0.2.1", 0)), Acceptance::kRejected) << "no port";
  EXPECT_EQ(announce(c, 0, endpoint("10.0.2.1")), Acceptance::kRejected)
      << "id 0 is the initial subflow's";
  EXPECT_EQ(c.peer_addresses.size(), 1u);
}

TEST(PeerAddresses, PrivateAddressesAreTaken) {
  auto c = connection();
  for (const auto* text : {"10.9.9.9", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1"})
    EXPECT_EQ(announce(c, static_cast<std::uint8_t>(c.peer_addresses.size()), endpoint(text)),
              Acceptance::kStored)
        << text;
}

TEST(PeerAddresses, LoopbackIsTakenOnAConnectionOverLoopback) {
  auto c = connection();
  c.remote = endpoint("127.0.0.1");
  EXPECT_EQ(announce(c, 2, endpoint("127.0.0.2")), Acceptance::kStored);
}

TEST(PeerAddresses, EightAreStoredAndNoMore) {
  auto c = connection();
  for (std::uint8_t id = 1; id <= 8; ++id)
    EXPECT_EQ(announce(c, id, {IpAddress::v4(0x0a000200U + id), 443}), Acceptance::kStored);
  EXPECT_EQ(announce(c, 9, endpoint("10.0.3.1")), Acceptance::kFull);
  accept_removed(c, 4);
  EXPECT_EQ(announce(c, 9, endpoint("10.0.3.1")), Acceptance::kStored);
}

TEST(PeerAddresses, AnotherPortUnderTheSameIdReplacesTheFormer) {
  auto c = connection();
  announce(c, 2, endpoint("10.0.2.1", 8443));
  EXPECT_EQ(announce(c, 2, endpoint("10.0.2.1", 9443)), Acceptance::kStored);
  EXPECT_EQ(c.peer_addresses.at(2).endpoint.port, 9443);
}

TEST(PeerAddresses, AnotherAddressUnderTheSameIdIsTakenUnlessTheFormerCarriesASubflow) {
  auto c = connection();
  announce(c, 2, endpoint("10.0.2.1"));
  EXPECT_EQ(announce(c, 2, endpoint("10.0.3.1")), Acceptance::kStored)
      << "the removal of the former was lost";
  const SubflowKey key{endpoint("192.0.2.9", 41000), endpoint("10.0.3.1")};
  c.subflows[key].key = key;
  EXPECT_EQ(announce(c, 2, endpoint("10.0.4.1")), Acceptance::kConflict);
  EXPECT_EQ(c.peer_addresses.at(2).endpoint, endpoint("10.0.3.1"));
}

TEST(PeerAddresses, TheSamePlaceUnderANewIdIsKnownOnce) {
  auto c = connection();
  announce(c, 2, endpoint("10.0.2.1"));
  EXPECT_EQ(announce(c, 5, endpoint("10.0.2.1")), Acceptance::kStored);
  EXPECT_FALSE(c.peer_addresses.contains(2));
  EXPECT_TRUE(c.peer_addresses.contains(5));
}

TEST(PeerAddresses, AfterTheCFlagTheInitialPlaceIsNotJoined) {
  auto c = connection();
  EXPECT_TRUE(may_join(c, c.peer_addresses.at(0)));
  c.deny_join_id0 = true;
  EXPECT_FALSE(may_join(c, c.peer_addresses.at(0)));
  EXPECT_FALSE(may_join(c, {7, c.remote, true})) << "nor when it is announced";
  EXPECT_TRUE(may_join(c, {7, endpoint("10.0.1.1", 8443), true}))
      << "another port is another place";
  EXPECT_TRUE(may_join(c, {7, endpoint("10.0.2.1"), true}));
}

}  // namespace
}  // namespace anabranch::paths
