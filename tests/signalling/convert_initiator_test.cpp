// SPDX-License-Identifier: MIT
// The side that asks, RFC 8803: what it says and what it makes of every answer.
#include <gtest/gtest.h>

#include "octets.hpp"
#include "signalling/convert.hpp"

namespace anabranch::signalling {
namespace {

using namespace std::chrono_literals;

const Request kRequest{endpoint("192.0.2.80:443")};

/// What a conversation that asked for kRequest makes of `octets`.
auto hear(const Octets& octets, ConvertInitiatorSettings settings = {}) {
  const auto initiator = convert_initiator(std::move(settings));
  initiator->opening(kRequest);
  return hear_slowly(*initiator, octets);
}

Failed failed(std::string_view octets, ConvertInitiatorSettings settings = {}) {
  return expect<Failed>(hear(hex(octets), std::move(settings)));
}

TEST(ConvertInitiator, AsksWithAConnect) {
  const auto initiator = convert_initiator({});
  EXPECT_EQ(initiator->opening(kRequest), hex("010622630a0501bb00000000000000000000ffffc0000250"));
  EXPECT_TRUE(initiator->data_may_follow());
}

TEST(ConvertInitiator, AsksForOptionsByTheExtendedForm) {
  EXPECT_EQ(convert_initiator({})->opening(
                {.endpoint = endpoint("[2001:db8::50]:443"), .options = {{30}}}),
            hex("010722630a0601bb20010db80000000000000000000000501e020000"));
}

TEST(ConvertInitiator, ShowsItsCookieAndAsksWhatIsSupported) {
  EXPECT_EQ(convert_initiator({.cookie = hex("0011223344556677")})->opening(kRequest),
            hex("010922631603000000112233445566770a0501bb00000000000000000000ffffc0000250"));
  EXPECT_EQ(convert_initiator({.ask_supported = true})->opening(kRequest),
            hex("01072263010100000a0501bb00000000000000000000ffffc0000250"));
}

TEST(ConvertInitiator, HasNoWordsForNamesNorForMoreThanAMessage) {
  EXPECT_TRUE(convert_initiator({})->opening({.endpoint = {}, .name = "example.org"}).empty());
  const std::vector<TcpOption> options(5, {254, Octets(253)});
  EXPECT_TRUE(
      convert_initiator({})->opening({.endpoint = kRequest.endpoint, .options = options}).empty());
}

TEST(ConvertInitiator, TakesAHeaderAloneForEstablished) {
  const auto accepted = expect<Accepted>(hear(hex("01012263")));
  EXPECT_EQ(accepted.consumed, 4);
  EXPECT_TRUE(accepted.options.empty());
  EXPECT_FALSE(accepted.destination_mptcp);
  EXPECT_FALSE(accepted.supported);
}

TEST(ConvertInitiator, LeavesTheServersDataAlone) {
  const auto initiator = convert_initiator({});
  initiator->opening(kRequest);
  EXPECT_EQ(expect<Accepted>(initiator->hear(hex("01012263") + text("220 mail"))).consumed, 4);
}

TEST(ConvertInitiator, LearnsTheOptionsOfTheServer) {
  const auto accepted = expect<Accepted>(hear(hex("0104226314030000020405b404020000")));
  EXPECT_EQ(accepted.consumed, 16);
  EXPECT_EQ(accepted.options, (std::vector<TcpOption>{{2, hex("05b4")}, {4}}));
  EXPECT_FALSE(accepted.destination_mptcp);
}

TEST(ConvertInitiator, LearnsThatTheServerNeedsNoConverter) {
  const auto accepted = expect<Accepted>(hear(hex("01052263 14040000 1e0c0081 01020304 05060708")));
  EXPECT_TRUE(accepted.destination_mptcp);
}

TEST(ConvertInitiator, LearnsWhatTheConverterSupports) {
  const auto accepted =
      expect<Accepted>(hear(hex("010322631502000004081e22"), {.ask_supported = true}));
  EXPECT_EQ(accepted.supported, hex("04081e22"));
}

TEST(ConvertInitiator, KnowsEveryError) {
  EXPECT_EQ(failed("010222631e012000").verdict, Verdict::kNotAuthorized);
  EXPECT_EQ(failed("010222631e01211d").verdict, Verdict::kUnsupportedOption);
  EXPECT_EQ(failed("010222631e01211d").refused, hex("1d"));
  EXPECT_EQ(failed("010222631e01400a").verdict, Verdict::kResourceExceeded);
  EXPECT_EQ(failed("010222631e01400a").wait, 10s);
  EXPECT_EQ(failed("010222631e014000").wait, 30s) << "0: the converter leaves it to us";
  EXPECT_EQ(failed("010222631e0141ff").verdict, Verdict::kNetworkFailure);
  EXPECT_EQ(failed("010222631e0141ff").wait, 255s);
  EXPECT_EQ(failed("010222631e016000").verdict, Verdict::kReset);
  EXPECT_EQ(failed("010222631e01610d").verdict, Verdict::kUnreachable);
  EXPECT_EQ(failed("010222631e01610d").icmp_code, 13);
  for (const auto* octets : {"010222631e012000", "010222631e01211d", "010222631e01400a",
                             "010222631e014100", "010222631e016000", "010222631e016101"})
    EXPECT_FALSE(failed(octets).peer_unusable) << octets;
}

TEST(ConvertInitiator, DoesNotBlameTheConverterForItsOwnMessage) {
  const auto malformed = failed("010822631e070100010622630a05005000000000000000000000ffffe0000001");
  EXPECT_EQ(malformed.reason, "peer-malformed");
  EXPECT_FALSE(malformed.peer_unusable);
  EXPECT_EQ(failed("010422631e0302000102226301010000").reason, "peer-unsupported-message");
}

TEST(ConvertInitiator, CannotUseAConverterOfAnotherVersion) {
  EXPECT_EQ(failed("010222631e010002").reason, "peer-unsupported-version");
  EXPECT_TRUE(failed("010222631e010002").peer_unusable);
  EXPECT_EQ(failed("02022263 1e010002").reason, "version");
  EXPECT_TRUE(failed("02022263 1e010002").peer_unusable);
}

TEST(ConvertInitiator, AsksAgainWithTheCookieItGets) {
  const auto missing = failed("010422631e0303000011223344556677");
  EXPECT_EQ(missing.cookie, hex("0011223344556677"));
  EXPECT_EQ(missing.reason, "peer-missing-cookie");
  EXPECT_FALSE(missing.peer_unusable);
}

TEST(ConvertInitiator, DoesNotRunInCirclesForACookie) {
  EXPECT_TRUE(
      failed("010422631e0303000011223344556677", {.cookie = hex("01020304")}).cookie.empty());
  EXPECT_TRUE(failed("010222631e010300").cookie.empty()) << "none in it";
  const auto longest = hex("01ff22631efe0300") + Octets(1012, 0xaa);
  EXPECT_TRUE(expect<Failed>(hear(longest)).cookie.empty()) << "no room for a Connect beside it";
}

TEST(ConvertInitiator, ForgetsACookieThatIsRefused) {
  EXPECT_TRUE(failed("010222631e012000", {.cookie = hex("01020304")}).cookie_refused);
  EXPECT_FALSE(failed("010222631e012000").cookie_refused);
}

TEST(ConvertInitiator, TakesErrorsWithoutANameByTheirClass) {
  EXPECT_TRUE(failed("010222631e011f05").peer_unusable);
  EXPECT_EQ(failed("010222631e011f05").reason, "peer-error-31");
  EXPECT_EQ(failed("010222631e013f05").verdict, Verdict::kNotAuthorized);
  EXPECT_FALSE(failed("010222631e013f05").peer_unusable);
  EXPECT_EQ(failed("010222631e015f05").verdict, Verdict::kResourceExceeded);
  EXPECT_EQ(failed("010222631e015f05").wait, 30s);
  EXPECT_EQ(failed("010222631e017f05").verdict, Verdict::kNetworkFailure);
  EXPECT_EQ(failed("010222631e01ff05").verdict, Verdict::kNetworkFailure);
}

TEST(ConvertInitiator, CannotUseAPeerThatIsNoConverter) {
  // A payload that was taken off our SYN looks so, too: a server's greeting, or nothing.
  for (const auto& octets : {text("220 mail.example.org ESMTP\r\n"), text("HTTP/1.1 400 Bad\r\n"),
                             text("SSH-2.0-x\r\n"), Octets(5000, 0), Octets(4, 0xff)}) {
    const auto out = expect<Failed>(hear(octets));
    EXPECT_EQ(out.reason, "not-convert");
    EXPECT_TRUE(out.peer_unusable);
  }
  expect<NeedMore>(hear({}));
  expect<NeedMore>(hear(hex("010122")));
}

TEST(ConvertInitiator, CannotUseAPeerThatBreaksTheRules) {
  for (const auto& [octets, reason] : std::initializer_list<std::pair<const char*, const char*>>{
           {"01002263", "zero-length"},
           {"010322631401000014010000", "duplicate-tlv"},
           {"0102226300010000", "type-zero"},
           {"0102226307010000", "unknown-tlv"},
           {"0102226314020000", "tlv-length"},
           {"010322631402000002050000", "option-length"},
           {"0102226301010000", "unexpected-tlv"},
           {"010322631602000000000001", "unexpected-tlv"},
           {"010622630a0501bb00000000000000000000ffffc0000250", "unexpected-tlv"}}) {
    EXPECT_EQ(failed(octets).reason, reason);
    EXPECT_TRUE(failed(octets).peer_unusable) << octets;
  }
}

TEST(ConvertInitiator, AnErrorCountsWhateverElseIsSaid) {
  EXPECT_EQ(failed("01042263 1502000004081e22 1e016000").reason, "peer-reset");
}

TEST(ConvertInquiry, AsksWhatIsSupportedAndNothingElse) {
  const auto inquiry = convert_inquiry({});
  EXPECT_EQ(inquiry->opening({}), hex("0102226301010000"));
  EXPECT_FALSE(inquiry->data_may_follow());
  const auto accepted = expect<Accepted>(hear_slowly(*inquiry, hex("010322631502000004081e22")));
  EXPECT_EQ(accepted.supported, hex("04081e22"));
  EXPECT_EQ(accepted.consumed, 12);
}

TEST(ConvertInquiry, ShowsItsCookie) {
  EXPECT_EQ(convert_inquiry({.cookie = hex("01020304")})->opening({}),
            hex("01042263 01010000 1602000001020304"));
}

TEST(ConvertInquiry, WantsAnAnswerToItsQuestion) {
  EXPECT_EQ(expect<Failed>(convert_inquiry({})->hear(hex("01012263"))).reason, "unexpected-tlv");
}

}  // namespace
}  // namespace anabranch::signalling
