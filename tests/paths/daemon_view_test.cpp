// SPDX-License-Identifier: MIT
#include "paths/daemon_view.hpp"

#include <gtest/gtest.h>

#include "paths/inspection.hpp"

namespace anabranch::paths {
namespace {

TEST(DaemonView, TakesWhatTheDaemonKnows) {
  const auto view = parse_daemon_view(R"({
    "connections":[{"token":"0x9d7282f7","server_side":false,"deny_join_id0":true,
      "observed_only":false,"plain_tcp":false,"uid":0,"local":"10.1.0.2:4321","remote":"198.18.0.1:5001",
      "subflows":[{"local":"10.1.0.2:4321","remote":"198.18.0.1:5001","state":"silent",
                   "backup":true,"reason":"backup-by-rule","rule":"metered"}],
      "peer_addresses":[{"id":1,"endpoint":"198.18.0.2:8443","announced":true}],
      "announcements":[{"id":2,"endpoint":"10.1.0.2:0","state":"sent"}],
      "waiting":[{"local":"10.2.0.2","remote":"198.18.0.1:5001","code":"retry-wait",
                  "retry_in_ms":1500}]}],
    "paths":[{"address":"10.2.0.2","interface":"c2","usable":false,"reason":"no-route",
              "destinations":["10.2.0.0/16",7,"x"],"failed":false}],"settings_file":"/etc/p.toml"})");
  ASSERT_TRUE(view);
  ASSERT_EQ(view->connections.size(), 1U);
  const auto& connection = view->connections[0];
  EXPECT_EQ(connection.token, 0x9d7282f7U);
  EXPECT_TRUE(connection.deny_join_id0);
  EXPECT_EQ(connection.manager, Manager::kDaemon);
  EXPECT_EQ(connection.remote.text(), "198.18.0.1:5001");
  ASSERT_EQ(connection.subflows.size(), 1U);
  EXPECT_TRUE(connection.subflows[0].silent);
  EXPECT_EQ(connection.subflows[0].rule, "metered");
  ASSERT_EQ(connection.peer_addresses.size(), 1U);
  EXPECT_TRUE(connection.peer_addresses[0].announced);
  ASSERT_EQ(connection.announcements.size(), 1U);
  ASSERT_EQ(connection.waiting.size(), 1U);
  EXPECT_EQ(connection.waiting[0].retry_in, milliseconds(1500));
  const auto path = view->paths.find(*IpAddress::parse("10.2.0.2"));
  ASSERT_NE(path, view->paths.end());
  EXPECT_FALSE(path->second.usable);
  EXPECT_EQ(connection.waiting[0].local, *IpAddress::parse("10.2.0.2"));
  EXPECT_EQ(view->settings_file, "/etc/p.toml");
  EXPECT_EQ(path->second.destinations, std::vector{*IpPrefix::parse("10.2.0.0/16")});
  EXPECT_EQ(connection.uid, 0U) << "root";
  const auto unknown = parse_daemon_view(R"({"connections":[{"token":"0x1","uid":null}]})");
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->connections[0].uid, std::nullopt);
}

TEST(DaemonView, BearsWhatItDoesNotKnow) {
  EXPECT_FALSE(parse_daemon_view("{"));
  for (const auto* text : {"[]", "7", R"({"connections":{"a":1},"paths":null})",
                           R"({"connections":[1,{"token":5,"subflows":[[]],"waiting":[{}]}]})"})
    EXPECT_TRUE(parse_daemon_view(text)) << text;
}

TEST(Question, IsATokenOrADestination) {
  EXPECT_EQ(parse_question("0x9d7282f7")->token, 0x9d7282f7U);
  EXPECT_EQ(parse_question("9d7282f7")->token, 0x9d7282f7U);
  EXPECT_EQ(parse_question("0x1")->token, 1U);
  EXPECT_EQ(parse_question("198.18.0.1")->destination, *IpAddress::parse("198.18.0.1"));
  EXPECT_EQ(parse_question("198.18.0.1:443")->port, 443);
  EXPECT_EQ(parse_question("[2001:db8::1]:443")->port, 443);
  EXPECT_EQ(parse_question("2001:db8::1")->port, 0);
  for (const auto* text :
       {"", "0x", "0x123456789", "server", "1.2.3.4:", "1.2.3.4:70000", "1.2.3.4:x"})
    EXPECT_FALSE(parse_question(text)) << text;
}

}  // namespace
}  // namespace anabranch::paths
