// SPDX-License-Identifier: MIT
// Initiator against acceptor, octet by octet: a client asks a converter, and a converter brings an
// incoming connection to its client with the same two conversations in each other's place.
#include <gtest/gtest.h>

#include "octets.hpp"
#include "signalling/convert.hpp"

namespace anabranch::signalling {
namespace {

using namespace std::chrono_literals;

struct Talk {
  std::variant<NeedMore, Say, Asked, Answered, Refusal> asked;
  std::variant<NeedMore, Say, Accepted, Failed> result;
};

/// A whole set-up; `outcome` is what becomes of the connection behind the acceptor.
Talk talk(Initiator& initiator, Acceptor& acceptor, const Request& request,
          const Outcome& outcome) {
  Talk out{.asked = hear_slowly(acceptor, initiator.opening(request)), .result = NeedMore{}};
  Octets reply;
  if (const auto* refusal = std::get_if<Refusal>(&out.asked)) reply = refusal->reply;
  if (const auto* answered = std::get_if<Answered>(&out.asked)) reply = answered->reply;
  if (std::holds_alternative<Asked>(out.asked)) reply = acceptor.answer(outcome);
  out.result = hear_slowly(initiator, reply);
  return out;
}

TEST(Convert, ARequestArrivesAsItWasMade) {
  for (const Request& request :
       {Request{endpoint("192.0.2.80:443")}, Request{endpoint("[2001:db8::50]:22")},
        Request{.endpoint = endpoint("192.0.2.80:443"),
        .options = {{30}, {34, hex("01020304")}}}}) {
    const auto done = talk(*convert_initiator({}), *convert_acceptor({.supported = {4, 8, 30, 34}}),
                           request, {.options = {{4}, {30, hex("0081")}}});
    EXPECT_EQ(expect<Asked>(done.asked).request, request);
    const auto accepted = expect<Accepted>(done.result);
    EXPECT_EQ(accepted.destination_mptcp, !request.options.empty());
  }
}

TEST(Convert, EveryOutcomeArrives) {
  for (const auto verdict :
       {Verdict::kNotAuthorized, Verdict::kUnsupportedOption, Verdict::kResourceExceeded,
        Verdict::kNetworkFailure, Verdict::kReset, Verdict::kUnreachable}) {
    const auto done =
        talk(*convert_initiator({}), *convert_acceptor({}), {endpoint("192.0.2.80:443")},
             {.verdict = verdict, .refused = {34}, .wait = 7s, .icmp_code = 2});
    const auto failed = expect<Failed>(done.result);
    EXPECT_EQ(failed.verdict, verdict);
    EXPECT_FALSE(failed.peer_unusable);
    if (verdict == Verdict::kUnsupportedOption) {
      EXPECT_EQ(failed.refused, Octets{34});
    }
    if (verdict == Verdict::kResourceExceeded) {
      EXPECT_EQ(failed.wait, 7s);
    }
    if (verdict == Verdict::kUnreachable) {
      EXPECT_EQ(failed.icmp_code, 2);
    }
  }
}

TEST(Convert, ACookieIsFetchedShownAndRenewed) {
  const ConvertCookies cookies(Octets(32, 0x5a), 300s);
  const Request request{endpoint("192.0.2.80:443")};
  ConvertAcceptorSettings converter{
      .cookies = &cookies, .client = address("198.51.100.7"), .now = ConvertCookies::Time(480000h)};
  const auto attempt = [&](const Octets& cookie) {
    return talk(*convert_initiator({.cookie = cookie}), *convert_acceptor(converter), request, {});
  };
  const auto first = expect<Failed>(attempt({}).result);
  ASSERT_FALSE(first.cookie.empty());
  EXPECT_EQ(expect<Accepted>(attempt(first.cookie).result).consumed, 4);
  converter.now += 600s;
  EXPECT_TRUE(expect<Failed>(attempt(first.cookie).result).cookie_refused);
  const auto second = expect<Failed>(attempt({}).result);
  EXPECT_NE(second.cookie, first.cookie);
  EXPECT_EQ(expect<Accepted>(attempt(second.cookie).result).consumed, 4);
}

TEST(Convert, WhatIsSupportedIsTold) {
  const auto done = talk(*convert_inquiry({}), *convert_acceptor({.supported = {4, 30}}), {}, {});
  EXPECT_EQ(expect<Accepted>(done.result).supported, (Octets{4, 30}));
}

// Incoming: the converter is the initiator and names the remote host; the CPE is the acceptor, says
// that the host behind it answered, and may refuse like any converter.
TEST(Convert, AnIncomingConnectionNamesTheRemoteHost) {
  const Request remote{endpoint("203.0.113.9:61000")};
  const auto converter = convert_initiator({});
  const auto cpe = convert_acceptor({});
  const auto done = talk(*converter, *cpe, remote, {});
  EXPECT_EQ(expect<Asked>(done.asked).request.endpoint, endpoint("203.0.113.9:61000"));
  EXPECT_EQ(expect<Accepted>(done.result).consumed, 4);
}

TEST(Convert, AnIncomingConnectionIsRefusedLikeAnyOther) {
  const Request remote{endpoint("[2001:db8::9]:61000")};
  const auto nobody =
      talk(*convert_initiator({}), *convert_acceptor({}), remote, {.verdict = Verdict::kReset});
  EXPECT_EQ(expect<Failed>(nobody.result).verdict, Verdict::kReset);
  const auto spoofed =
      talk(*convert_initiator({}), *convert_acceptor({}), {endpoint("127.0.0.1:61000")}, {});
  EXPECT_EQ(expect<Refusal>(spoofed.asked).reason, "destination");
}

}  // namespace
}  // namespace anabranch::signalling
