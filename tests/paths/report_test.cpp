// SPDX-License-Identifier: MIT
#include "paths/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "paths/report_text.hpp"

namespace anabranch::paths {
namespace {

using nlohmann::json;

constexpr MonotonicTime kNow(seconds(1000));

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

const Endpoint kServer{address("198.18.0.1"), 5001};
const Endpoint kWired{address("10.1.0.2"), 4321};
const Endpoint kMobile{address("10.2.0.2"), 4322};

/// A host with two paths and a connection over both, the second of which is silent.
struct TwoPaths {
  TwoPaths() {
    paths[kWired.address] = {kWired.address, "eth0", 2, {}, true, ""};
    paths[kMobile.address] = {kMobile.address, "wwan0", 3, {}, false, "link-down"};
    memory[kWired.address] = {.send_rate = BitRate::mbit(20),
                              .minimum_rtt = milliseconds(10),
                              .learned = kNow - seconds(7)};
    memory[kMobile.address].failed = true;
    Connection connection;
    connection.token = 0x0d7282f7;
    connection.established = true;
    connection.deny_join_id0 = true;
    connection.local = kWired;
    connection.remote = kServer;
    connection.uid = 1000;
    connection.cgroup = "/user.slice/\xff";
    connection.since = kNow - seconds(60);
    connection.peer_addresses[3] = {3, {address("2001:db8::1"), 0}, true};
    connection.announcements[4] = {
        .id = 4, .endpoint = kMobile, .state = Announcement::State::kDone};
    Subflow first;
    first.key = {kWired, kServer};
    first.initial = true;
    first.reason = "best-path";
    first.since = kNow - seconds(60);
    first.last.rtt = milliseconds(12);
    first.last.octets_sent = 1000;
    first.last.retransmissions = 2;
    first.sent_rate = BitRate::mbit(19.5);
    Subflow second;
    second.key = {kMobile, kServer};
    second.backup = true;
    second.rule = "mobile";
    second.since = kNow - milliseconds(500);
    connection.subflows[first.key] = first;
    connection.subflows[second.key] = second;
    connections[connection.token] = connection;
  }
  ReportView view() const {
    return {connections,
            paths,
            memory,
            [](Token) {
              return std::vector<Waiting>{
                  {kMobile.address, kServer, "path-failed", std::nullopt},
                  {kWired.address, kServer, "join-reset", kNow + milliseconds(1500),
                   "administratively denied"},
                  {kWired.address, kServer, "over", kNow - milliseconds(1)}};
            },
            [](Family family) {
              return family == Family::kIpv4 ? std::optional(kWired.address) : std::nullopt;
            },
            [](const SubflowKey& key) { return key.local == kMobile; }};
  }
  std::map<Token, Connection> connections;
  std::map<IpAddress, Path> paths;
  std::map<IpAddress, PathMemory> memory;
};

TEST(PathsReport, TellsConnectionsAndTheirSubflows) {
  const auto report = json::parse(report_json(TwoPaths().view(), kNow));
  ASSERT_EQ(report.at("connections").size(), 1u);
  EXPECT_EQ(report.at("connections_total"), 1);
  EXPECT_EQ(report.at("limits"), "off");
  const auto& connection = report.at("connections").at(0);
  EXPECT_EQ(connection.at("token"), "0x0d7282f7");
  EXPECT_EQ(connection.at("server_side"), false);
  EXPECT_EQ(connection.at("deny_join_id0"), true);
  EXPECT_EQ(connection.at("local"), "10.1.0.2:4321");
  EXPECT_EQ(connection.at("age_s"), 60);
  EXPECT_EQ(connection.at("peer_addresses").at(0).at("endpoint"), "[2001:db8::1]:0");
  EXPECT_EQ(connection.at("announcements").at(0).at("state"), "done");
  const auto& first = connection.at("subflows").at(0);
  EXPECT_EQ(first.at("interface"), "eth0");
  EXPECT_EQ(first.at("state"), "established");
  EXPECT_EQ(first.at("reason"), "best-path");
  EXPECT_EQ(first.at("rtt_ms"), 12.0);
  EXPECT_EQ(first.at("send_mbit"), 19.5);
  EXPECT_EQ(first.at("retransmissions"), 2);
  const auto& second = connection.at("subflows").at(1);
  EXPECT_EQ(second.at("state"), "silent");
  EXPECT_EQ(second.at("backup"), true);
  EXPECT_EQ(second.at("rule"), "mobile");
  EXPECT_EQ(second.at("rtt_ms"), nullptr) << "never measured";
}

TEST(PathsReport, TellsWhatIsWaitedFor) {
  const auto report = json::parse(report_json(TwoPaths().view(), kNow));
  const auto& waiting = report.at("connections").at(0).at("waiting");
  ASSERT_EQ(waiting.size(), 2u) << "what is due is not waited for";
  EXPECT_EQ(waiting.at(0).at("code"), "path-failed");
  EXPECT_EQ(waiting.at(0).at("retry_in_ms"), nullptr);
  EXPECT_EQ(waiting.at(1).at("retry_in_ms"), 1500.0);
  EXPECT_EQ(waiting.at(1).at("detail"), "administratively denied");
}

TEST(PathsReport, AnUnknownUserIsNotRoot) {
  TwoPaths two;
  auto& connection = two.connections.begin()->second;
  const auto shown = [&] {
    return json::parse(report_json(two.view(), kNow)).at("connections").at(0).at("uid");
  };
  connection.uid = 0;
  EXPECT_EQ(shown(), 0);
  connection.uid.reset();
  EXPECT_EQ(shown(), nullptr);
  EXPECT_NE(report_text(report_json(two.view(), kNow))->find("user not known"), std::string::npos);
}

TEST(PathsReport, TellsPathsAndWhatIsKnownOfThem) {
  const auto report = json::parse(report_json(TwoPaths().view(), kNow));
  const auto& wired = report.at("paths").at(0);
  EXPECT_EQ(wired.at("preferred"), true);
  EXPECT_EQ(wired.at("send_mbit"), 20.0);
  EXPECT_EQ(wired.at("receive_mbit"), nullptr);
  EXPECT_EQ(wired.at("minimum_rtt_ms"), 10.0);
  EXPECT_EQ(wired.at("age_s"), 7);
  const auto& mobile = report.at("paths").at(1);
  EXPECT_EQ(mobile.at("preferred"), false);
  EXPECT_EQ(mobile.at("usable"), false);
  EXPECT_EQ(mobile.at("reason"), "link-down");
  EXPECT_EQ(mobile.at("failed"), true);
  EXPECT_EQ(mobile.at("age_s"), nullptr);
}

TEST(PathsReport, SaysItInOneSentence) {
  EXPECT_EQ(report_sentence(TwoPaths().view()),
            "1 of 2 paths usable, 1 connection with 2 subflows");
}

TEST(PathsReport, AgesAreReadAsPeopleSayThem) {
  const std::pair<seconds, const char*> rows[] = {
      {seconds(0), "opened here just now,"},         {seconds(1), "opened here 1 s ago,"},
      {seconds(59), "opened here 59 s ago,"},        {seconds(100), "opened here 1 min 40 s ago,"},
      {seconds(7200), "opened here 2 h ago,"},       {seconds(7215), "opened here 2 h ago,"},
      {seconds(7500), "opened here 2 h 5 min ago,"}, {seconds(270000), "opened here 3 d 3 h ago,"}};
  for (const auto& [age, words] : rows) {
    TwoPaths two;
    two.connections.begin()->second.since = kNow - age;
    EXPECT_THAT(report_text(report_json(two.view(), kNow)).value(), testing::HasSubstr(words));
  }
}

TEST(PathsReport, AFilterIsATokenOrADestination) {
  const auto two = TwoPaths();
  const auto& connection = two.connections.begin()->second;
  const std::pair<const char*, bool> rows[] = {
      {"", true},
      {"0x0d7282f7", true},
      {"0xd7282f7", true},
      {"0x0d7282f8", false},
      {"198.18.0.1", true},
      {"198.18.0.0/15", true},
      {"198.18.0.1/15", true},
      {"198.18.0.1:5001", true},
      {"198.18.0.1:5002", false},
      {"198.18.0.2", false},
      {"2001:db8::1", false},
      {"[2001:db8::1]:443", false},
      {"::/0", false},
  };
  for (const auto& [text, holds] : rows) {
    const auto filter = ReportFilter::parse(text);
    ASSERT_TRUE(filter) << text;
    EXPECT_EQ(filter->holds(connection), holds) << text;
  }
  for (const char* wrong :
       {"0x", "0xg", "0x123456789", "example.org", "198.18.0.1:", "198.18.0.1:0",
        "198.18.0.1:65536", "[2001:db8::1", ":443", "[", "]:1", "[]:1", "443"}) {
    const auto filter = ReportFilter::parse(wrong);
    ASSERT_FALSE(filter) << wrong;
    EXPECT_EQ(filter.error().code, ExitCode::kBadInput);
  }
}

TEST(PathsReport, AnAnswerHasBoundsAndCountsTheRest) {
  TwoPaths two;
  const auto connection = two.connections.begin()->second;
  for (Token token = 1; token <= kMostReported + 500; ++token) two.connections[token] = connection;
  const auto report = json::parse(report_json(two.view(), kNow));
  EXPECT_EQ(report.at("connections").size(), kMostReported);
  EXPECT_EQ(report.at("connections_total"), kMostReported + 501);
}

TEST(PathsReport, IsReadByPeople) {
  const auto text = report_text(report_json(TwoPaths().view(), kNow));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            R"(PATH      INTERFACE  STATE          SEND       RECEIVE  RTT    LOADED  LEARNED
10.1.0.2  eth0       up, preferred  20 Mbit/s  -        10 ms  -       7 s ago
10.2.0.2  wwan0      link-down      -          -        -      -       -

0x0d7282f7  10.1.0.2:4321 > 198.18.0.1:5001  opened here 1 min ago, the peer takes no joins to its first address, user 1000
  LOCAL          REMOTE           INTERFACE  STATE                 RTT    SEND         RECEIVE  SENT  RECEIVED  RETRANS  RULE    WHY
  10.1.0.2:4321  198.18.0.1:5001  eth0       established, initial  12 ms  19.5 Mbit/s  -        1 kB  0 B       2        -       best-path
  10.2.0.2:4322  198.18.0.1:5001  wwan0      silent, backup        -      -            -        0 B   0 B       0        mobile  -
  waiting: 10.2.0.2 > 198.18.0.1:5001: path-failed, until the path answers
  waiting: 10.1.0.2 > 198.18.0.1:5001: join-reset (administratively denied), again in 1.5 s
)");
  EXPECT_EQ(report_text(*report_json(Decider(default_settings()), kNow)).value(),
            "no paths\n\nno connections\n");
  for (const char* wrong : {"", "{}", "[]", "1", R"({"paths":1,"connections":[],"x":0})"})
    EXPECT_FALSE(report_text(wrong)) << wrong;
}

TEST(PathsReport, ADeciderThatKnowsNothingIsShown) {
  const Decider decider(default_settings());
  const auto report = report_json(decider, kNow);
  ASSERT_TRUE(report);
  EXPECT_EQ(
      *report,
      R"({"connections":[],"connections_total":0,"limits":"off","paths":[],"settings_file":null})");
  EXPECT_FALSE(report_json(decider, kNow, "nonsense"));
  const auto told = json::parse(
      *report_json(decider, kNow, "", {.limits = "active", .settings_file = "/etc/p.toml"}));
  EXPECT_EQ(told.at("limits"), "active");
  EXPECT_EQ(told.at("settings_file"), "/etc/p.toml");
}

}  // namespace
}  // namespace anabranch::paths
