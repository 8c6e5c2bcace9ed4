// SPDX-License-Identifier: MIT
// What `balancer explain` asks the data plane, and how its answer reads.
#include "balancer/explain.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <steering/parse.h>

#include "balancer/reasons.hpp"
#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using test::at;
using ::testing::HasSubstr;

const Endpoint kClient = at("192.0.2.7:40000");
const Endpoint kService = at("198.51.100.10:443");

steer_packet read(const std::vector<std::uint8_t>& frame) {
  steer_packet out{};
  steer_parse(frame.data(), frame.data() + frame.size(), static_cast<std::uint32_t>(frame.size()),
              &out);
  return out;
}

BalancerSettings settings() {
  BalancerSettings out;
  out.servers = {{.name = "left", .id = 7, .addresses = {}, .join_addresses = {}}};
  return out;
}

steer_explanation answer(PacketKind kind, std::uint32_t reason, std::uint32_t server) {
  return {.packet = read(frame_of(kClient, kService, kind).value()),
          .verdict = {.reason = reason,
                      .service = 0,
                      .server = server,
                      .place = 5,
                      .keys = STEER_KEYS_NOT_ASKED,
                      .token = 0}};
}

TEST(BalancerExplain, AFrameOfEachKindIsReadAsThatKind) {
  for (const auto& [client, service] :
       {std::pair{kClient, kService}, {at("[2001:db8::7]:40000"), at("[2001:db8::10]:443")}}) {
    const auto read_as = [&](PacketKind kind) {
      return read(frame_of(client, service, kind).value());
    };
    EXPECT_EQ(read_as(PacketKind::kSyn).mptcp, 0);
    EXPECT_TRUE(read_as(PacketKind::kSyn).is_syn);
    EXPECT_EQ(read_as(PacketKind::kCapable).mptcp, STEER_MP_CAPABLE);
    EXPECT_EQ(read_as(PacketKind::kJoin).mptcp, STEER_MP_JOIN);
    EXPECT_FALSE(read_as(PacketKind::kData).is_syn);
    EXPECT_EQ(read_as(PacketKind::kData).kind, STEER_SEGMENT);
  }
  EXPECT_FALSE(frame_of(kClient, at("[2001:db8::10]:443"), PacketKind::kSyn));
}

TEST(BalancerExplain, APacketInHexadecimalIsTaken) {
  const auto frame = frame_of_hex(
      "4500 0028 0001 0000 4006 0000 c0000207 c633640a "
      "9c40 01bb 00000000 00000000 5002 0000 0000 0000");
  ASSERT_TRUE(frame);
  EXPECT_TRUE(read(*frame).is_syn);
  for (const char* text : {"", "4", "45 0", "zz", "00112233"})
    EXPECT_EQ(frame_of_hex(text).error().code, ExitCode::kBadInput) << text;
}

TEST(BalancerExplain, TheAnswerSaysWhereAndWhy) {
  const auto text = explanation_text(answer(PacketKind::kJoin, STEER_BY_JOIN_PORT, 7), settings());
  EXPECT_THAT(text, HasSubstr("SYN with MP_JOIN from 192.0.2.7:40000 to 198.51.100.10:443: goes to "
                              "left (id 7)\n  by-join-port: "));
  EXPECT_THAT(explanation_text(answer(PacketKind::kSyn, STEER_BY_RING, 7), settings()),
              HasSubstr("(5 of 65537)"));
  EXPECT_THAT(explanation_text(answer(PacketKind::kJoin, STEER_LOST_JOIN, 0), settings()),
              HasSubstr("dropped\n  lost-join: "));
  EXPECT_THAT(explanation_text(answer(PacketKind::kData, STEER_NOT_OURS, 0), settings()),
              HasSubstr("left alone"));
  EXPECT_THAT(explanation_text(answer(PacketKind::kSyn, STEER_BY_RING, 9), settings()),
              HasSubstr("server 9"))
      << "one that the file does not name";
}

TEST(BalancerExplain, SaysWhichServersAreOutOfTheRing) {
  const auto by_ring = answer(PacketKind::kSyn, STEER_BY_RING, 7);
  EXPECT_THAT(explanation_text(by_ring, settings(), {{8, "drained"}}),
              HasSubstr("(5 of 65537)\n  server 8: drained\n"));
  const auto out = nlohmann::json::parse(explanation_json(by_ring, settings(), {{8, "drained"}}));
  EXPECT_EQ(out["absent"]["server 8"], "drained");
}

TEST(BalancerExplain, ATokenIsAskedForByItsDigits) {
  EXPECT_EQ(token_of_hex("65886c9f"), 0x65886c9fU);
  for (const char* text : {"", "65886c9", "65886c9f0", "65886c9g", "-5886c9f", "0x886c9f"})
    EXPECT_EQ(token_of_hex(text).error().code, ExitCode::kBadInput) << text;
  for (const auto& [client, service] :
       {std::pair{kClient, kService}, {at("[2001:db8::7]:40000"), at("[2001:db8::10]:443")}})
    EXPECT_EQ(read(frame_of(client, service, PacketKind::kJoin, 0x65886c9f).value()).token,
              0x65886c9fU);
  EXPECT_THAT(explanation_text(answer(PacketKind::kJoin, STEER_BY_TOKEN, 7), settings()),
              HasSubstr("goes to left (id 7)\n  by-token: "));
}

TEST(BalancerExplain, KeysInAPacketTellTheToken) {
  auto third = answer(PacketKind::kData, STEER_BY_CONNECTION, 7);
  third.verdict.keys = STEER_KEYS_FOUND;
  third.verdict.token = 0x65886c9f;
  EXPECT_THAT(explanation_text(third, settings()), HasSubstr("make the token 65886c9f\n"));
  EXPECT_THAT(explanation_json(third, settings()), HasSubstr("\"teaches_token\": \"65886c9f\""));
}

TEST(BalancerExplain, JsonHasTheSame) {
  const auto out = nlohmann::json::parse(
      explanation_json(answer(PacketKind::kJoin, STEER_BY_JOIN_PORT, 7), settings()));
  EXPECT_EQ(out["server"], "left");
  EXPECT_EQ(out["server_id"], 7);
  EXPECT_EQ(out["reason"], "by-join-port");
  EXPECT_EQ(out["token"], "00000000");
  EXPECT_EQ(out["client"], "192.0.2.7:40000");
}

TEST(BalancerExplain, EveryReasonHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const auto& [name, meaning] : kReasons) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_FALSE(meaning.empty()) << name;
  }
  EXPECT_TRUE(is_lost(STEER_LOST_FRAGMENT));
  EXPECT_TRUE(is_lost(STEER_LOST_UNKNOWN_TOKEN));
  EXPECT_FALSE(is_lost(STEER_BY_TOKEN));
  EXPECT_FALSE(is_lost(STEER_NOTED_COMPLAINT));
}

}  // namespace
}  // namespace anabranch::balancer
