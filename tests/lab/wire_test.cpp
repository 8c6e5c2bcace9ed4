// SPDX-License-Identifier: MIT
// The words between the lab and its wire process.
#include "lab/wire.hpp"

#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "lab/wire_protocol.hpp"

namespace anabranch::lab {
namespace {

using ::testing::HasSubstr;
using Kind = WireCommand::Kind;

const LinkProfile kDsl{.rate = BitRate::mbit(20),
                       .delay = milliseconds(12),
                       .jitter = nanoseconds(1'500'001),
                       .loss = 0.0125,
                       .queue = milliseconds(80)};

TEST(WireLinks, SurviveTheirArgument) {
  const std::vector<WireLink> links = {
      {.name = "dsl", .interface_a = "w0a", .interface_b = "w0b", .profile = kDsl},
      {.name = "lte \"quoted\"", .interface_a = "w1a", .interface_b = "w1b", .profile = {}}};
  EXPECT_EQ(parse_wire_links(format_wire_links(links)), links);
  EXPECT_EQ(parse_wire_links("[]"), std::vector<WireLink>{});
}

TEST(WireLinks, WhatIsWrongIsNamed) {
  const auto error = [](std::string_view text) {
    const auto links = parse_wire_links(text);
    return links ? "accepted" : links.error().what;
  };
  EXPECT_THAT(error("{}"), HasSubstr("not a JSON list"));
  EXPECT_THAT(error("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error(R"([{"name":"x","a":"w"}])"), HasSubstr("needs"));
  EXPECT_THAT(error(R"([{"name":"x","a":"w","b":3}])"), HasSubstr("'b' is not a string"));
  EXPECT_THAT(error(R"([{"name":"x","a":"w","b":"v","mtu":"9"}])"), HasSubstr("no 'mtu'"));
  EXPECT_THAT(error(R"([{"name":"x","a":"w","b":"v","profile":{"los":1}}])"),
              HasSubstr("no 'los'"));
}

TEST(WireCommand, SetCarriesTheWholeProfile) {
  const WireCommand command{
      .id = 7, .link = "dsl", .kind = Kind::kSet, .change = whole_profile(kDsl)};
  const auto read = parse_wire_command(format_wire_command(command));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->id, 7);
  EXPECT_EQ(read->link, "dsl");
  EXPECT_EQ(read->kind, Kind::kSet);
  EXPECT_EQ(read->change.applied_to({}), kDsl);
}

TEST(WireCommand, WhatSetLeavesOutStays) {
  const auto read = parse_wire_command(R"({"link":"dsl","set":{"loss":0.5}})");
  ASSERT_TRUE(read);
  auto expected = kDsl;
  expected.loss = 0.5;
  EXPECT_EQ(read->change.applied_to(kDsl), expected);
}

TEST(WireCommand, StatesAndCounters) {
  const auto kind = [](std::string_view line) { return parse_wire_command(line)->kind; };
  EXPECT_EQ(kind(R"({"link":"x","state":"up"})"), Kind::kUp);
  EXPECT_EQ(kind(R"({"link":"x","state":"drop"})"), Kind::kDrop);
  EXPECT_EQ(kind(R"({"link":"x","state":"cut"})"), Kind::kCut);
  EXPECT_EQ(kind(R"({"link":"x","counters":true})"), Kind::kCounters);
  for (const auto each : {Kind::kUp, Kind::kDrop, Kind::kCut, Kind::kCounters}) {
    const WireCommand command{.id = {}, .link = "x", .kind = each, .change = {}};
    EXPECT_EQ(kind(format_wire_command(command)), each);
  }
}

TEST(WireCommand, RefusesValuesThatNoLinkHas) {
  for (const auto* line :
       {R"(nonsense)", R"({"state":"up"})", R"({"link":"x"})", R"({"link":"x","state":"on"})",
        R"({"link":"x","set":{"loss":1.5}})", R"({"link":"x","set":{"loss":"1"}})",
        R"({"link":"x","set":{"rate_bit":-1}})", R"({"link":"x","set":{"rate_bit":3}})",
        R"({"link":"x","set":{"delay_ns":-1}})", R"({"link":"x","set":{"queue_ns":1e300}})",
        R"({"link":"x","set":{"jitter_ns":18446744073709551615}})", R"({"link":"x","set":5})"})
    EXPECT_FALSE(parse_wire_command(line)) << line;
}

TEST(WireAnswer, CarriesCountersBothWays) {
  const WireControl::Counters counters{.a_to_b = {.frames = 1,
                                                  .octets = 2,
                                                  .dropped_queue = 3,
                                                  .dropped_loss = 4,
                                                  .dropped_state = 5,
                                                  .dropped_relay = 6},
                                       .b_to_a = {.frames = 7, .octets = 1ULL << 60U}};
  const auto read =
      parse_wire_answer(format_wire_answer({.id = 3, .error = {}, .counters = counters}));
  ASSERT_TRUE(read && read->counters);
  EXPECT_EQ(read->id, 3);
  EXPECT_EQ(read->counters->a_to_b, counters.a_to_b);
  EXPECT_EQ(read->counters->b_to_a, counters.b_to_a);
}

/// A lab and a wire that answers each command with what `reply` makes of it, in one process.
class WireControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    lab_.reset(pair[0]);
    wire_.reset(pair[1]);
  }

  void answer_once(std::function<std::string(const WireCommand&)> reply) {
    wire_thread_ = std::jthread([this, reply = std::move(reply)] {
      char line[1024];
      const auto length = ::recv(wire_.get(), line, sizeof line, 0);
      heard_ = std::string(line, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
      const auto text = reply(*parse_wire_command(heard_));
      if (text.empty())
        wire_.reset();
      else
        (void)::send(wire_.get(), text.data(), text.size(), 0);
    });
  }

  UniqueFd lab_;
  UniqueFd wire_;
  std::string heard_;
  std::jthread wire_thread_;
};

TEST_F(WireControlTest, AnOrderSucceedsWhenTheWireSaysSo) {
  answer_once([](const WireCommand& command) {
    return format_wire_answer({.id = command.id, .error = {}, .counters = {}}) + "\n";
  });
  EXPECT_TRUE(WireControl(lab_.get()).set("dsl", kDsl));
  wire_thread_.join();
  EXPECT_EQ(parse_wire_command(heard_)->change.applied_to({}), kDsl);
}

TEST_F(WireControlTest, TheReasonOfARefusalComesThrough) {
  answer_once([](const WireCommand& command) {
    return format_wire_answer({.id = command.id, .error = "no such link", .counters = {}}) + "\n";
  });
  const auto result = WireControl(lab_.get()).cut("fibre");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().text(), HasSubstr("no such link"));
  EXPECT_THAT(result.error().text(), HasSubstr("fibre"));
}

TEST_F(WireControlTest, ALateAnswerIsNotTakenForThisOne) {
  answer_once([](const WireCommand& command) {
    return format_wire_answer({.id = *command.id - 1, .error = "old", .counters = {}}) + "\n" +
           format_wire_answer(
               {.id = command.id,
                .error = {},
                .counters = WireControl::Counters{.a_to_b = {.frames = 9}, .b_to_a = {}}}) +
           "\n";
  });
  const auto counters = WireControl(lab_.get()).counters("dsl");
  ASSERT_TRUE(counters) << counters.error().text();
  EXPECT_EQ(counters->a_to_b.frames, 9U);
}

TEST_F(WireControlTest, AWireThatEndedIsAnErrorAtOnce) {
  answer_once([](const WireCommand&) { return std::string(); });
  const auto result = WireControl(lab_.get()).drop("dsl");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, HasSubstr("has ended"));
}

}  // namespace
}  // namespace anabranch::lab
