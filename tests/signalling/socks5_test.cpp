// SPDX-License-Identifier: MIT
// SOCKS5: the octets of RFC 1928 and RFC 1929 from both of its ends, and both against each other.
#include "signalling/socks5.hpp"

#include "octets.hpp"

namespace anabranch::signalling {
namespace {

using namespace std::chrono_literals;

const Octets kGreeting = hex("050100");
const Octets kToServer = hex("05010001c000025001bb");

/// What a client sends, octet by octet; what it gets before it is decided is gathered in `said`.
class Socks5Acceptor : public testing::Test {
 protected:
  auto hear(const Octets& octets) {
    acceptor_ = socks5_acceptor(settings_);
    said_.clear();
    for (std::size_t size = 0;;) {
      auto out = acceptor_->hear(Heard(octets).first(size));
      if (const auto* say = std::get_if<Say>(&out))
        said_ = said_ + say->octets;
      else if (!std::holds_alternative<NeedMore>(out) || size == octets.size())
        return out;
      else
        ++size;
    }
  }
  Refusal refused(const Octets& octets) { return expect<Refusal>(hear(octets)); }

  void ask_for_a_password() {
    settings_.allowed = [](std::string_view user, std::string_view password) {
      return user == "alice" && password == "secret";
    };
  }

  Socks5AcceptorSettings settings_;
  std::unique_ptr<Acceptor> acceptor_;
  Octets said_;
};

TEST_F(Socks5Acceptor, GreetsAndTakesARequest) {
  const auto asked = expect<Asked>(hear(kGreeting + kToServer));
  EXPECT_EQ(said_, hex("0500"));
  EXPECT_EQ(asked.request, Request{endpoint("192.0.2.80:443")});
  EXPECT_EQ(asked.consumed, kGreeting.size() + kToServer.size());
}

TEST_F(Socks5Acceptor, LeavesTheClientsDataAlone) {
  acceptor_ = socks5_acceptor({});
  const auto everything = kGreeting + kToServer + text("GET /");
  EXPECT_EQ(expect<Say>(acceptor_->hear(everything)).octets, hex("0500"));
  EXPECT_EQ(expect<Asked>(acceptor_->hear(everything)).consumed,
            kGreeting.size() + kToServer.size());
}

TEST_F(Socks5Acceptor, TakesIpv6AndNames) {
  EXPECT_EQ(expect<Asked>(hear(kGreeting + hex("05010004 20010db8000000000000000000000050 01bb")))
                .request,
            Request{endpoint("[2001:db8::50]:443")});
  EXPECT_EQ(expect<Asked>(hear(kGreeting + hex("05010003 0b") + text("example.org") + hex("0050")))
                .request,
            (Request{.endpoint = {{}, 80}, .name = "example.org"}));
  EXPECT_EQ(
      expect<Asked>(hear(kGreeting + hex("05010003 09") + text("192.0.2.1") + hex("0050"))).request,
      Request{endpoint("192.0.2.1:80")});
}

TEST_F(Socks5Acceptor, RefusesWhatIsNoDestination) {
  for (const auto& request :
       {hex("05010001c00002500000"), hex("05010003 00 0050"), hex("05010003 03612062 0050"),
        hex("05010003 05") + text("127.1") + hex("0050")}) {
    EXPECT_EQ(refused(kGreeting + request).reason, "destination");
    EXPECT_EQ(refused(kGreeting + request).reply, hex("05010001 00000000 0000"));
  }
}

TEST_F(Socks5Acceptor, RefusesWhatItDoesNot) {
  EXPECT_EQ(refused(kGreeting + hex("05020001c000025001bb")).reply, hex("0507000100000000 0000"));
  EXPECT_EQ(refused(kGreeting + hex("05030001")).reason, "command");
  EXPECT_EQ(refused(kGreeting + hex("05010002")).reply, hex("0508000100000000 0000"));
  EXPECT_EQ(refused(kGreeting + hex("04010001")).reason, "malformed");
}

TEST_F(Socks5Acceptor, ResetsWhoSpeaksAnotherProtocol) {
  for (const auto& octets : {hex("0401"), text("CONNECT "), hex("16")}) {
    EXPECT_TRUE(refused(octets).reset);
    EXPECT_EQ(refused(octets).reason, "not-socks5");
  }
}

TEST_F(Socks5Acceptor, WantsAMethodItKnows) {
  for (const auto* greeting : {"0500", "050101", "050102", "05020102"})
    EXPECT_EQ(refused(hex(greeting)).reply, hex("05ff")) << greeting;
  ask_for_a_password();
  EXPECT_EQ(refused(kGreeting).reason, "no-method") << "nobody passes without a name";
}

TEST_F(Socks5Acceptor, AsksForAPassword) {
  ask_for_a_password();
  const auto greeting = hex("05020002");
  const auto good = hex("0105") + text("alice") + hex("06") + text("secret");
  const auto asked = expect<Asked>(hear(greeting + good + kToServer));
  EXPECT_EQ(said_, hex("0502 0100"));
  EXPECT_EQ(asked.consumed, greeting.size() + good.size() + kToServer.size());

  acceptor_ = socks5_acceptor(settings_);
  expect<Say>(acceptor_->hear(greeting));
  const auto both = greeting + good;
  expect<NeedMore>(acceptor_->hear(Heard(both).first(both.size() - 1)));
  EXPECT_EQ(expect<Say>(acceptor_->hear(both)).octets, hex("0100"));

  const auto bad = hex("0105") + text("alice") + hex("06") + text("secreT");
  EXPECT_EQ(refused(greeting + bad + kToServer).reason, "bad-password");
  EXPECT_EQ(refused(greeting + bad).reply, hex("0101"));
  EXPECT_EQ(refused(greeting + hex("010000")).reason, "bad-password") << "no name at all";
  EXPECT_EQ(refused(greeting + kToServer).reason, "bad-authentication");
}

TEST_F(Socks5Acceptor, SaysWhatBecameOfTheConnection) {
  const auto answer = [&](const Outcome& outcome) { return acceptor_->answer(outcome); };
  hear(kGreeting + kToServer);
  EXPECT_EQ(answer({}), hex("05000001 00000000 0000"));
  EXPECT_EQ(answer({.bound = endpoint("192.0.2.7:4660")}), hex("05000001 c0000207 1234"));
  EXPECT_EQ(answer({.bound = endpoint("[2001:db8::7]:4660")}),
            hex("05000004 20010db8000000000000000000000007 1234"));
  const auto code = [&](const Outcome& outcome) { return answer(outcome).at(1); };
  EXPECT_EQ(code({.verdict = Verdict::kNotAuthorized}), 2);
  EXPECT_EQ(code({.verdict = Verdict::kUnsupportedOption}), 1);
  EXPECT_EQ(code({.verdict = Verdict::kResourceExceeded}), 1);
  EXPECT_EQ(code({.verdict = Verdict::kNetworkFailure}), 4);
  EXPECT_EQ(code({.verdict = Verdict::kReset}), 5);
  EXPECT_EQ(code({.verdict = Verdict::kUnreachable, .icmp_code = 0}), 3);
  EXPECT_EQ(code({.verdict = Verdict::kUnreachable, .icmp_code = 1}), 4);
}

/// What an initiator makes of a server's octets; what it says after its opening is in `said`.
class Socks5Initiator : public testing::Test {
 protected:
  auto hear(const Octets& octets, const Request& request = {endpoint("192.0.2.80:443")}) {
    const auto initiator = socks5_initiator(settings_);
    opening_ = initiator->opening(request);
    said_.clear();
    for (std::size_t size = 0;;) {
      auto out = initiator->hear(Heard(octets).first(size));
      if (const auto* say = std::get_if<Say>(&out))
        said_ = said_ + say->octets;
      else if (!std::holds_alternative<NeedMore>(out) || size == octets.size())
        return out;
      else
        ++size;
    }
  }
  Failed failed(std::string_view octets) { return expect<Failed>(hear(hex(octets))); }

  Socks5InitiatorSettings settings_;
  Octets opening_;
  Octets said_;
};

TEST_F(Socks5Initiator, AsksStepByStep) {
  const auto accepted = expect<Accepted>(hear(hex("0500 05000001c00002071234") + text("220 ")));
  EXPECT_EQ(opening_, kGreeting);
  EXPECT_EQ(said_, kToServer);
  EXPECT_EQ(accepted.consumed, 12);
  EXPECT_FALSE(socks5_initiator({})->data_may_follow());
}

TEST_F(Socks5Initiator, AsksByNameAndOverIpv6) {
  expect<Accepted>(hear(hex("0500 05000004 20010db8000000000000000000000007 1234"),
                        {.endpoint = {{}, 80}, .name = "example.org"}));
  EXPECT_EQ(said_, hex("05010003 0b") + text("example.org") + hex("0050"));
  const auto accepted = expect<Accepted>(
      hear(hex("0500 0500000303") + text("abc") + hex("1234"), {endpoint("[2001:db8::50]:443")}));
  EXPECT_EQ(said_, hex("05010004 20010db8000000000000000000000050 01bb"));
  EXPECT_EQ(accepted.consumed, 12);
}

TEST_F(Socks5Initiator, ShowsItsPasswordToWhomAsks) {
  settings_ = {.user = "alice", .password = "secret"};
  expect<Accepted>(hear(hex("0502 0100 05000001c00002071234")));
  EXPECT_EQ(opening_, hex("05020002"));
  EXPECT_EQ(said_, hex("0105") + text("alice") + hex("06") + text("secret") + kToServer);
  expect<Accepted>(hear(hex("0500 05000001c00002071234")));
  EXPECT_EQ(said_, kToServer) << "and to nobody else";
  EXPECT_EQ(failed("0502 0101").reason, "bad-password");
  EXPECT_EQ(failed("0502 0500").reason, "malformed");
}

TEST_F(Socks5Initiator, HasNoWordsForLongText) {
  settings_.user = std::string(256, 'a');
  hear({});
  EXPECT_TRUE(opening_.empty());
}

TEST_F(Socks5Initiator, KnowsEveryError) {
  const auto verdict = [&](std::string_view reply) {
    return failed("0500 05" + std::string(reply)).verdict;
  };
  EXPECT_EQ(verdict("01"), Verdict::kNetworkFailure);
  EXPECT_EQ(verdict("02"), Verdict::kNotAuthorized);
  EXPECT_EQ(verdict("03"), Verdict::kUnreachable);
  EXPECT_EQ(verdict("04"), Verdict::kUnreachable);
  EXPECT_EQ(verdict("05"), Verdict::kReset);
  EXPECT_EQ(verdict("06"), Verdict::kNetworkFailure);
  EXPECT_EQ(verdict("08"), Verdict::kNotAuthorized);
  EXPECT_EQ(verdict("63"), Verdict::kNetworkFailure);
  EXPECT_TRUE(failed("0500 0507").peer_unusable);
  EXPECT_EQ(failed("0500 0563").reason, "peer-error-99");
  EXPECT_EQ(failed("0500 0504").icmp_code, 1);
}

TEST_F(Socks5Initiator, CannotUseAPeerThatIsNoSocksServer) {
  EXPECT_EQ(failed("485454502f").reason, "not-socks5");
  EXPECT_EQ(failed("05ff").reason, "no-method");
  EXPECT_EQ(failed("0502").reason, "no-method") << "which was not offered";
  EXPECT_EQ(failed("0500 04").reason, "malformed");
  EXPECT_EQ(failed("0500 05000009 00").reason, "malformed");
  EXPECT_TRUE(failed("0500 04").peer_unusable);
}

TEST(Socks5, BothEndsUnderstandEachOther) {
  for (const Request& request :
       {Request{endpoint("192.0.2.80:443")}, Request{endpoint("[2001:db8::50]:443")},
        Request{.endpoint = {{}, 80}, .name = "example.org"}}) {
    const auto acceptor = socks5_acceptor(
        {.allowed = [](std::string_view user, std::string_view) { return user == "alice"; }});
    const auto initiator = socks5_initiator({.user = "alice"});
    Octets up = initiator->opening(request);
    Octets down = expect<Say>(acceptor->hear(up)).octets;
    up = up + expect<Say>(initiator->hear(down)).octets;
    down = down + expect<Say>(acceptor->hear(up)).octets;
    up = up + expect<Say>(initiator->hear(down)).octets;
    const auto asked = expect<Asked>(acceptor->hear(up));
    EXPECT_EQ(asked.request, request);
    EXPECT_EQ(asked.consumed, up.size());
    down = down + acceptor->answer({});
    EXPECT_EQ(expect<Accepted>(initiator->hear(down)).consumed, down.size());
  }
}

}  // namespace
}  // namespace anabranch::signalling
