// SPDX-License-Identifier: MIT
// The side that is asked, RFC 8803: what it takes for a request, and the exact octets it answers.
#include <gtest/gtest.h>

#include "octets.hpp"
#include "signalling/convert.hpp"
#include "wire/convert.hpp"

namespace anabranch::signalling {
namespace {

using namespace std::chrono_literals;

const Octets kConnect = hex("010622630a0501bb00000000000000000000ffffc0000250");
const Octets kExtended = hex("010722630a0601bb20010db80000000000000000000000501e020000");
const Octets kInfo = hex("0102226301010000");
const Octets kHeaderAlone = hex("01012263");

class ConvertAcceptor : public testing::Test {
 protected:
  auto hear(const Octets& octets) {
    acceptor_ = convert_acceptor(settings_);
    return hear_slowly(*acceptor_, octets);
  }
  Refusal refused(const Octets& octets) { return expect<Refusal>(hear(octets)); }
  Octets answer(const Outcome& outcome) const { return acceptor_->answer(outcome); }

  ConvertAcceptorSettings settings_{.supported = {4, 8, 30, 34}};
  std::unique_ptr<Acceptor> acceptor_;
};

/// A Connect to this address and port 443, with these options.
Octets connect(std::string_view where, std::vector<TcpOption> options = {}) {
  wire::ConvertMessage message;
  message.connect = {{address(where), 443}, std::move(options)};
  return wire::encode(message).value();
}

/// The message with the error of this code that echoes `octets`.
Octets echo(std::uint8_t code, const Octets& octets) {
  Octets out = hex("010022631e000000") + octets;
  out[1] = static_cast<std::uint8_t>(out.size() / 4);
  out[5] = static_cast<std::uint8_t>(out[1] - 1);
  out[6] = code;
  return out;
}

TEST_F(ConvertAcceptor, TakesAConnectAndSaysEstablishedWithAHeaderAlone) {
  const auto asked = expect<Asked>(hear(kConnect));
  EXPECT_EQ(asked.request, Request{endpoint("192.0.2.80:443")});
  EXPECT_EQ(asked.consumed, kConnect.size());
  EXPECT_EQ(answer({}), kHeaderAlone);
}

TEST_F(ConvertAcceptor, LeavesTheClientsDataAlone) {
  acceptor_ = convert_acceptor(settings_);
  const auto asked = expect<Asked>(acceptor_->hear(kConnect + text("GET / HTTP/1.1\r\n")));
  EXPECT_EQ(asked.consumed, kConnect.size());
}

TEST_F(ConvertAcceptor, AnswersAnExtendedConnectWithTheServersOptions) {
  const auto asked = expect<Asked>(hear(kExtended));
  EXPECT_EQ(asked.request.endpoint, endpoint("[2001:db8::50]:443"));
  EXPECT_EQ(asked.request.options, std::vector<TcpOption>{{30}});
  EXPECT_EQ(answer({.options = {{2, hex("05b4")}, {4}}}), hex("0104226314030000020405b404020000"));
  EXPECT_EQ(answer({}), hex("0102226314010000")) << "none, which is told, too";
  EXPECT_EQ(answer({.options = {{1}}}), hex("0102226314010000")) << "one that nobody can write";
}

TEST_F(ConvertAcceptor, DoesNotTellOptionsToWhomDidNotAsk) {
  hear(kConnect);
  EXPECT_EQ(answer({.options = {{2, hex("05b4")}}}), kHeaderAlone);
}

TEST_F(ConvertAcceptor, PassesOverOptionsThatAreItsOwnMatter) {
  const auto asked = expect<Asked>(
      hear(connect("192.0.2.80", {{2, hex("05b4")}, {3, hex("07")}, {5, hex("0001")}, {4}})));
  EXPECT_EQ(asked.request.options, std::vector<TcpOption>{{4}});
  expect<Asked>(hear(connect("192.0.2.80", {{3, hex("07")}})));
  EXPECT_EQ(answer({}), hex("0102226314010000")) << "but the form was the extended one";
}

TEST_F(ConvertAcceptor, RefusesOptionsItCannotPlace) {
  const auto refusal = refused(connect("192.0.2.80", {{4}, {29, hex("0000")}, {30}, {254}}));
  EXPECT_EQ(refusal.reply, hex("010322631e02211dfe000000"));
  EXPECT_EQ(refusal.reason, "unsupported-option");
  EXPECT_FALSE(refusal.reset);
  EXPECT_EQ(refused(connect("192.0.2.80", {{29}, {29}})).reply, hex("010222631e01211d"));
  settings_.supported = {};
  EXPECT_EQ(refused(kExtended).reply, hex("010222631e01211e"));
}

TEST_F(ConvertAcceptor, RefusesContentThatAnOptionCannotHave) {
  for (const TcpOption& option :
       {TcpOption{30, hex("0081")}, TcpOption{4, hex("00")}, TcpOption{8, hex("0000000100000000")},
        TcpOption{34, hex("0102")}, TcpOption{34, hex("0102030405")}, TcpOption{34, Octets(18)}}) {
    const auto octets = connect("192.0.2.80", {option});
    const auto refusal = refused(octets);
    EXPECT_EQ(refusal.reason, "option-content") << unsigned{option.kind};
    EXPECT_EQ(refusal.reply, echo(1, octets));
  }
  for (const TcpOption& option :
       {TcpOption{34}, TcpOption{34, Octets(4)}, TcpOption{34, Octets(16)}})
    EXPECT_EQ(expect<Asked>(hear(connect("192.0.2.80", {option}))).request.options,
              std::vector<TcpOption>{option});
}

TEST_F(ConvertAcceptor, RefusesWhatIsNoDestination) {
  for (const auto* where : {"224.0.0.1", "239.255.255.255", "255.255.255.255", "127.0.0.1",
                            "127.255.0.1", "0.0.0.0", "0.1.2.3", "::", "::1", "ff02::1"}) {
    const auto octets = connect(where);
    const auto refusal = refused(octets);
    EXPECT_EQ(refusal.reason, "destination") << where;
    EXPECT_EQ(refusal.reply, echo(1, octets));
  }
  EXPECT_EQ(refused(hex("010622630a05005000000000000000000000ffffe0000001")).reply,
            hex("010822631e070100010622630a05005000000000000000000000ffffe0000001"));
  EXPECT_EQ(refused(hex("010622630a05000000000000000000000000ffffc0000250")).reason, "destination")
      << "port 0";
  for (const auto* where : {"10.0.0.1", "240.0.0.1", "169.254.1.1", "fe80::1", "fd00::1"})
    expect<Asked>(hear(connect(where)));
}

TEST_F(ConvertAcceptor, ListsWhatItCanPlaceToWhomAsks) {
  const auto answered = expect<Answered>(hear(kInfo));
  EXPECT_EQ(answered.reply, hex("010322631502000004081e22"));
  EXPECT_EQ(answered.consumed, kInfo.size());
  settings_.supported = {0, 1, 2, 3, 4, 5, 8, 29, 30, 34, 254};
  EXPECT_EQ(expect<Answered>(hear(kInfo)).reply, hex("010422631503000004081e22fe000000"));
  settings_.supported = {};
  EXPECT_EQ(expect<Answered>(hear(kInfo)).reply, hex("0102226315010000"));
}

TEST_F(ConvertAcceptor, ListsItTogetherWithTheAnswerToAConnect) {
  const auto asked =
      expect<Asked>(hear(hex("01082263010100000a0601bb00000000000000000000ffffc00002501e020000")));
  EXPECT_EQ(asked.consumed, 32);
  EXPECT_EQ(answer({.options = {{4}}}), hex("0105226314020000040200001502000004081e22"));
  EXPECT_EQ(answer({.verdict = Verdict::kReset}), hex("010222631e016000"));
}

TEST_F(ConvertAcceptor, SaysWhatBecameOfTheConnection) {
  hear(kConnect);
  EXPECT_EQ(answer({.verdict = Verdict::kNotAuthorized}), hex("010222631e012000"));
  EXPECT_EQ(answer({.verdict = Verdict::kUnsupportedOption, .refused = {29}}),
            hex("010222631e01211d"));
  EXPECT_EQ(answer({.verdict = Verdict::kResourceExceeded, .wait = 10s}), hex("010222631e01400a"));
  EXPECT_EQ(answer({.verdict = Verdict::kResourceExceeded, .wait = 1h}), hex("010222631e0140ff"));
  EXPECT_EQ(answer({.verdict = Verdict::kNetworkFailure}), hex("010222631e014100"));
  EXPECT_EQ(answer({.verdict = Verdict::kReset}), hex("010222631e016000"));
  EXPECT_EQ(answer({.verdict = Verdict::kUnreachable, .icmp_code = 1}), hex("010222631e016101"));
}

TEST_F(ConvertAcceptor, ResetsWhoDoesNotSpeakConvert) {
  for (const auto& octets :
       {text("GET / HTTP/1.1\r\n"), hex("16030100"), hex("01002263"), hex("05010000")}) {
    const auto refusal = refused(octets);
    EXPECT_TRUE(refusal.reset);
    EXPECT_TRUE(refusal.reply.empty());
  }
}

TEST_F(ConvertAcceptor, TellsTheVersionItSpeaksAsSoonAsItSeesAnother) {
  const auto refusal = refused(hex("02ff2263"));
  EXPECT_EQ(refusal.reply, hex("010222631e010001"));
  EXPECT_EQ(refusal.reason, "version");
  EXPECT_FALSE(refusal.reset);
}

TEST_F(ConvertAcceptor, EchoesWhatItCannotRead) {
  const auto duplicate = hex("010322630101000001010000");
  EXPECT_EQ(refused(duplicate).reply, echo(1, duplicate));
  EXPECT_EQ(refused(duplicate).reason, "duplicate-tlv");
  for (const auto& octets : {hex("0102226300010000"), hex("0102226363010000"),
                             hex("010322631502000004081e22"), hex("0102226314010000")})
    EXPECT_EQ(refused(octets).reply, echo(2, octets));
}

TEST_F(ConvertAcceptor, CutsAnEchoThatWouldBeTooLong) {
  Octets longest(wire::kConvertMaxMessage);
  std::ranges::copy(hex("01ff226316fe"), longest.begin());  // a Cookie of all that is left
  const auto refusal = refused(longest);
  EXPECT_EQ(refusal.reason, "empty");
  EXPECT_EQ(refusal.reply.size(), wire::kConvertMaxMessage);
  EXPECT_EQ(Octets(refusal.reply.begin() + 8, refusal.reply.end()),
            Octets(longest.begin(), longest.end() - 8));
}

TEST_F(ConvertAcceptor, WantsToBeAskedForSomething) {
  EXPECT_EQ(refused(kHeaderAlone).reply, echo(1, kHeaderAlone));
  EXPECT_EQ(refused(kHeaderAlone).reason, "empty");
}

TEST_F(ConvertAcceptor, DoesNotAnswerAnErrorWithAnError) {
  const auto refusal = refused(hex("010222631e016000"));
  EXPECT_TRUE(refusal.reset);
  EXPECT_TRUE(refusal.reply.empty());
  EXPECT_EQ(refusal.reason, "error-tlv");
}

TEST_F(ConvertAcceptor, IgnoresACookieItNeedsNot) {
  expect<Asked>(
      hear(hex("010922631603000000112233445566770a0501bb00000000000000000000ffffc0000250")));
}

class ConvertAcceptorWithCookies : public ConvertAcceptor {
 protected:
  ConvertAcceptorWithCookies() {
    settings_.cookies = &cookies_;
    settings_.client = address("198.51.100.7");
    settings_.now = ConvertCookies::Time(480000h);
  }
  Octets with_cookie(const Octets& cookie) const {
    wire::ConvertMessage message;
    message.cookie = cookie;
    message.connect = {endpoint("192.0.2.80:443")};
    return wire::encode(message).value();
  }

  ConvertCookies cookies_{Octets(32, 0x5a), 300s};
};

TEST_F(ConvertAcceptorWithCookies, HandsOneOutToWhomHasNone) {
  const auto refusal = refused(kConnect);
  EXPECT_EQ(refusal.reason, "missing-cookie");
  EXPECT_EQ(refusal.reply,
            hex("010622631e050300") + cookies_.make(settings_.client, settings_.now));
  EXPECT_EQ(refused(kInfo).reply, refusal.reply) << "who only asks what we support";
}

TEST_F(ConvertAcceptorWithCookies, TakesTheOneItHandedOut) {
  const auto reply = refused(kConnect).reply;
  const Octets cookie(reply.begin() + 8, reply.end());
  settings_.now += 300s;
  EXPECT_EQ(expect<Asked>(hear(with_cookie(cookie))).request.endpoint, endpoint("192.0.2.80:443"));
  settings_.now += 300s;
  EXPECT_EQ(refused(with_cookie(cookie)).reason, "bad-cookie");
}

TEST_F(ConvertAcceptorWithCookies, RefusesAnyOther) {
  for (const auto& cookie : {Octets(16), Octets(), Octets(4), Octets(900, 0xff),
                             cookies_.make(address("198.51.100.8"), settings_.now)}) {
    const auto refusal = refused(with_cookie(cookie));
    EXPECT_EQ(refusal.reply, hex("010222631e012000"));
    EXPECT_EQ(refusal.reason, "bad-cookie");
    EXPECT_FALSE(refusal.reset);
  }
}

TEST_F(ConvertAcceptorWithCookies, SaysNothingOfTheRestBeforeItSeesTheCookie) {
  EXPECT_EQ(refused(connect("127.0.0.1")).reason, "missing-cookie");
  EXPECT_EQ(refused(connect("192.0.2.80", {{29}})).reason, "missing-cookie");
}

}  // namespace
}  // namespace anabranch::signalling
