// SPDX-License-Identifier: MIT
#include "paths/adoption.hpp"

#include <gtest/gtest.h>

namespace anabranch::paths {
namespace {

Endpoint endpoint(const char* address, std::uint16_t port) {
  return {IpAddress::parse(address).value(), port};
}

Connection connection() {
  Connection out;
  out.token = 0x1a2b3c4d;
  out.server_side = true;
  out.deny_join_id0 = true;
  out.local = endpoint("10.1.0.2", 443);
  out.remote = endpoint("2001:db8::1", 40000);
  out.peer_addresses[0] = {0, out.remote, false};
  out.peer_addresses[7] = {7, endpoint("198.18.0.2", 8443), true};
  Subflow subflow;
  subflow.key = {endpoint("10.2.0.2", 50000), out.remote};
  subflow.local_id = 2;
  out.subflows[subflow.key] = subflow;
  out.announcements[3] = {3, endpoint("10.3.0.2", 0), Announcement::State::kDone, {}, 1};
  return out;
}

RememberedConnections remembered() {
  return {{connection().token, remember(connection())}};
}

kernel::ConnectionInfo running() {
  kernel::ConnectionInfo out;
  out.token = connection().token;
  out.local = connection().local;
  out.remote = connection().remote;
  out.state = 1;
  return out;
}

const auto kNobodyListens = [](const Endpoint&) { return false; };
const auto kOurs = [](Token) { return false; };

TEST(Adoption, WhatIsWrittenIsReadAgain) {
  const auto text = format_remembered(remembered());
  EXPECT_EQ(text,
            "anabranch-paths 1\n"
            "1a2b3c4d 10.1.0.2:443 [2001:db8::1]:40000 sc "
            "0=[2001:db8::1]:40000,7!=198.18.0.2:8443 3!=10.3.0.2:0,2=10.2.0.2:50000\n");
  const auto back = parse_remembered(text);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(format_remembered(*back), text);
}

TEST(Adoption, NothingOfADamagedFileIsTaken) {
  const auto whole = format_remembered(remembered());
  EXPECT_TRUE(parse_remembered(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    if (whole.substr(0, length) == "anabranch-paths 1\n") continue;
    EXPECT_FALSE(parse_remembered(whole.substr(0, length))) << length;
  }
  for (const char* line :
       {"nonsense", "1a2b3c4d", "xyz 10.1.0.2:1 10.1.0.3:2 - - -", "1 10.1.0.2 10.1.0.3:2 - - -",
        "1 10.1.0.2:1 10.1.0.3:99999 - - -", "1 10.1.0.2:1 10.1.0.3:2 x - -",
        "1 10.1.0.2:1 10.1.0.3:2 - 300=10.1.0.2:1 -", "1 10.1.0.2:1 10.1.0.3:2 - 3=,4= -",
        "1 10.1.0.2:1 10.1.0.3:2 - - - -", "100000000 10.1.0.2:1 10.1.0.3:2 - - -"})
    EXPECT_FALSE(parse_remembered(std::string("anabranch-paths 1\n") + line + "\n")) << line;
  const std::string twice = "1 10.1.0.2:1 10.1.0.3:2 - - -\n";
  EXPECT_TRUE(parse_remembered("anabranch-paths 1\n" + twice));
  EXPECT_FALSE(parse_remembered("anabranch-paths 1\n" + twice + twice));
  EXPECT_FALSE(parse_remembered(std::string(1000, '\0')));
}

TEST(Adoption, ARunningConnectionGetsItsSubflowsAndWhatIsRemembered) {
  kernel::SubflowDiag subflow;
  subflow.token = connection().token;
  subflow.local_id = 2;
  auto foreign = subflow;
  foreign.token = 5;
  const auto out = join({running()}, {subflow, foreign}, remembered(), kNobodyListens, kOurs);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].connection.token, connection().token);
  EXPECT_EQ(out[0].subflows.size(), 1u);
  EXPECT_TRUE(out[0].server_side);
  EXPECT_TRUE(out[0].deny_join_id0);
  EXPECT_EQ(out[0].peer_addresses, remember(connection()).peer_addresses);
  EXPECT_EQ(out[0].own_addresses, remember(connection()).own_addresses);
}

TEST(Adoption, WhatIsGoneIsDropped) {
  EXPECT_TRUE(join({}, {}, remembered(), kNobodyListens, kOurs).empty());
}

TEST(Adoption, ATokenThatWasGivenAgainIsAnotherConnection) {
  auto other = running();
  other.remote = endpoint("2001:db8::1", 40001);
  const auto out = join({other}, {}, remembered(), kNobodyListens, kOurs);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_FALSE(out[0].server_side);
  EXPECT_TRUE(out[0].peer_addresses.empty());
}

TEST(Adoption, AnUnknownConnectionToAListeningPortIsThePeers) {
  unsigned asked = 0;
  auto second = running();
  second.token = 2;
  const auto listens = [&](const Endpoint& local) {
    ++asked;
    return local == connection().local;
  };
  const auto out = join({running(), second}, {}, {}, listens, kOurs);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_TRUE(out[0].server_side && out[1].server_side);
  EXPECT_EQ(asked, 1u) << "one question for each address of ours";
}

TEST(Adoption, AnUnknownConnectionMayBeTheKernels) {
  auto second = running();
  second.token = 2;
  const auto out = join({running(), second}, {}, remembered(), kNobodyListens,
                        [](Token token) { return token == 2; });
  ASSERT_EQ(out.size(), 2u);
  EXPECT_FALSE(out[0].observed_only);
  EXPECT_TRUE(out[1].observed_only);
}

TEST(Adoption, ListenersAreNoConnections) {
  auto listener = running();
  listener.state = 10;
  EXPECT_TRUE(join({listener}, {}, {}, kNobodyListens, kOurs).empty());
}

}  // namespace
}  // namespace anabranch::paths
