// SPDX-License-Identifier: MIT
// The DHCPv6 client of path 2 and a server, as a conversation: what happens, and what the client
// does.
#include "host/dhcp6_conversation.hpp"

namespace anabranch::host {
namespace {

class Dhcp6ClientTest : public Dhcp6Conversation {};

/// Give or take the jitter of the tests' random numbers.
#define EXPECT_ABOUT(value, expected) \
  EXPECT_LE(std::chrono::abs(milliseconds(value) - milliseconds(expected)), 300ms) << #value

TEST_F(Dhcp6ClientTest, SolicitAsksForThePathUnderItsOwnIdentity) {
  take(client_.start(now_));
  ASSERT_TRUE(sent_any_);
  EXPECT_EQ(client_.state(), State::kSoliciting);
  EXPECT_EQ(sent_.type, Type::kSolicit);
  EXPECT_EQ(sent_.client, kDuid);
  EXPECT_TRUE(sent_.server.empty());
  EXPECT_EQ(sent_.elapsed, 0ms);
  EXPECT_EQ(sent_.outside.ext_route, (wire::ExtRoute{2, 0}));
  EXPECT_EQ(sent_.outside.addresses, (std::vector<Dhcp6Association>{{kIaid}}));
  EXPECT_FALSE(sent_.rapid_commit) << "a server without paths must not commit itself";
  for (const int code : {17, 23, 24, 82, 65001})
    EXPECT_NE(std::ranges::find(sent_.requested, code), sent_.requested.end()) << code;
  EXPECT_LE(sent_.transaction, 0xffffffu);
}

TEST_F(Dhcp6ClientTest, AnAdvertiseIsRequestedAndBecomesALease) {
  take(client_.start(now_));
  const auto solicited = sent_.transaction;
  receive(preferred(answer(Type::kAdvertise), 255));
  ASSERT_TRUE(sent_any_);
  EXPECT_EQ(sent_.type, Type::kRequest);
  EXPECT_EQ(sent_.server, kServer);
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  EXPECT_EQ(sent_.outside.ext_route, (wire::ExtRoute{2, 0}));
  EXPECT_NE(sent_.transaction, solicited);
  EXPECT_FALSE(client_.lease());
  EXPECT_EQ(client_.claimed_address(), address("fd00:2::1:5"));

  EXPECT_EQ(receive(answer(Type::kReply)), Change::kObtained);
  EXPECT_FALSE(sent_any_);
  EXPECT_EQ(client_.state(), State::kBound);
  EXPECT_EQ(leased(), address("fd00:2::1:5"));
  EXPECT_EQ(client_.lease()->route, (wire::ExtRoute{2, 2}));
  EXPECT_EQ(client_.lease()->server, kServer);
}

TEST_F(Dhcp6ClientTest, TheMostPreferredOfTheFirstSecondIsTaken) {
  take(client_.start(now_));
  receive(preferred(answer(Type::kAdvertise, "fd00:2::1:1"), 3));
  EXPECT_FALSE(sent_any_) << "others may come";
  receive(of_other(preferred(answer(Type::kAdvertise, "fd00:2::1:2"), 7)));
  receive(preferred(answer(Type::kAdvertise, "fd00:2::1:3"), 7));
  receive(answer(Type::kAdvertise, "fd00:2::1:4"));
  EXPECT_ABOUT(wait_for_timer(), 1s);
  EXPECT_EQ(sent_.type, Type::kRequest);
  EXPECT_EQ(sent_.server, kOtherServer);
  EXPECT_EQ(asked_for(), address("fd00:2::1:2")) << "the first of the most preferred";
}

TEST_F(Dhcp6ClientTest, LateAnswersAreTakenAtOnce) {
  take(client_.start(now_));
  wait_for_timer();
  EXPECT_EQ(sent_.type, Type::kSolicit);
  receive(answer(Type::kAdvertise));
  EXPECT_EQ(sent_.type, Type::kRequest);
}

TEST_F(Dhcp6ClientTest, AnAdvertiseOfAnotherPathIsNotTaken) {
  take(client_.start(now_));
  auto advertise = preferred(answer(Type::kAdvertise), 255);
  advertise.outside.ext_route->index = 1;
  receive(advertise);
  EXPECT_FALSE(sent_any_);
  advertise.outside.ext_route.reset();
  receive(advertise);
  EXPECT_FALSE(sent_any_);
  EXPECT_EQ(client_.state(), State::kSoliciting);
}

TEST_F(Dhcp6ClientTest, OfAServerWithDomainsTheContainerOfThePathCounts) {
  const auto in_containers = [](Dhcp6Message message) {
    auto second = message.outside;
    auto first = message.outside;
    first.ext_route->index = 1;
    first.addresses[0].leases[0].prefix = IpPrefix::host(address("fd00:1::1:7"));
    message.outside = {};
    message.domains = {{5, {'a'}, first}, {5, {'b'}, second}};
    return message;
  };
  take(client_.start(now_));
  receive(preferred(in_containers(answer(Type::kAdvertise)), 255));
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  EXPECT_EQ(receive(in_containers(answer(Type::kReply))), Change::kObtained);
  EXPECT_EQ(leased(), address("fd00:2::1:5"));
}

TEST_F(Dhcp6ClientTest, AnswersToOthersAreIgnored) {
  take(client_.start(now_));
  const auto advertise = preferred(answer(Type::kAdvertise), 255);
  const auto ignored = [&](const char* what, auto change) {
    auto other = advertise;
    change(other);
    receive(other);
    EXPECT_FALSE(sent_any_) << what;
  };
  ignored("transaction", [](auto& m) { m.transaction ^= 1; });
  ignored("client", [](auto& m) { m.client = kServer; });
  ignored("no client", [](auto& m) { m.client.clear(); });
  ignored("no server", [](auto& m) { m.server.clear(); });
  ignored("type", [](auto& m) { m.type = Type::kReply; });
  ignored("association", [](auto& m) { m.outside.addresses[0].iaid ^= 1; });
  EXPECT_TRUE(client_.expects(advertise));
}

TEST_F(Dhcp6ClientTest, SolicitIsRepeatedWithDoublingWaitsUpToAnHour) {
  take(client_.start(now_));
  const auto transaction = sent_.transaction;
  seconds expected = 1s;
  for (int i = 0; i < 14; ++i) {
    EXPECT_EQ(client_.unanswered(), i >= 3) << i;
    const auto waited = wait_for_timer();
    EXPECT_GE(waited, expected * 9 / 10);
    EXPECT_LE(waited, milliseconds(expected) * 11 / 10 + 1ms);
    EXPECT_EQ(sent_.type, Type::kSolicit);
    EXPECT_EQ(sent_.transaction, transaction);
    expected = std::min(seconds(1h), 2 * expected);
  }
  EXPECT_GT(sent_.elapsed, 1h);
}

TEST_F(Dhcp6ClientTest, AServerOfThePathMayShortenTheLongestWait) {
  take(client_.start(now_));
  auto none = refusal(Dhcp6Status::kNoAddrsAvail, Type::kAdvertise);
  none.sol_max_rt = 90;
  auto foreign = none;
  foreign.outside.ext_route.reset();
  foreign.sol_max_rt = 60;
  receive(none);
  receive(foreign);
  none.sol_max_rt = 59;
  receive(none);
  for (int i = 0; i < 10; ++i) wait_for_timer();
  EXPECT_ABOUT(wait_for_timer(), 90s);
}

TEST_F(Dhcp6ClientTest, AFullPoolIsTold) {
  take(client_.start(now_));
  receive(preferred(refusal(Dhcp6Status::kNoAddrsAvail, Type::kAdvertise), 255));
  EXPECT_FALSE(sent_any_);
  EXPECT_EQ(refusal_, (Dhcp6Status{Dhcp6Status::kNoAddrsAvail, "why"}));
  EXPECT_EQ(status_name(*refusal_), "NoAddrsAvail");
  EXPECT_EQ(status_name({77}), "status 77");
}

TEST_F(Dhcp6ClientTest, ManyThatBeginTogetherAreSpreadOverASecond) {
  random_ = 750;
  take(client_.start(now_, Dhcp6Client::Onset::kTogether));
  EXPECT_FALSE(sent_any_);
  const auto waited = wait_for_timer();
  EXPECT_GT(waited, 700ms);
  EXPECT_LT(waited, 1s);
  EXPECT_EQ(sent_.type, Type::kSolicit);
  EXPECT_EQ(sent_.elapsed, 0ms) << "the exchange begins with its first message";
}

TEST_F(Dhcp6ClientTest, ARequestWithoutAnswerIsRepeatedThenBeginsAnew) {
  take(client_.start(now_));
  receive(preferred(answer(Type::kAdvertise), 255));
  for (int i = 1; i < 10; ++i) {
    wait_for_timer();
    EXPECT_EQ(sent_.type, Type::kRequest) << i;
  }
  EXPECT_ABOUT(sent_.elapsed.value(), 1s + 2s + 4s + 8s + 16s + 4 * 30s);
  wait_for_timer();
  EXPECT_EQ(sent_.type, Type::kSolicit);
}

// --- Renewal

TEST_F(Dhcp6ClientTest, AtT1ItRenewsWithItsServer) {
  grant();
  EXPECT_EQ(client_.next_timer() - granted_, 100s);
  next_timer();
  EXPECT_EQ(client_.state(), State::kRenewing);
  EXPECT_EQ(sent_.type, Type::kRenew);
  EXPECT_EQ(sent_.server, kServer);
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  EXPECT_EQ(sent_.outside.ext_route, (wire::ExtRoute{2, 0}))
      << "without it the server moves the lease to the first path";
  EXPECT_ABOUT(wait_for_timer(), 10s);
  EXPECT_EQ(sent_.type, Type::kRenew);
  now_ += 1s;
  EXPECT_EQ(receive(answer(Type::kReply)), Change::kRenewed);
  EXPECT_EQ(client_.state(), State::kBound);
  EXPECT_EQ(client_.lease()->remaining(now_), 599s) << "counted from the question";
}

TEST_F(Dhcp6ClientTest, AfterT2ItAsksEveryServerAndAtTheEndTheLeaseIsLost) {
  grant();
  wait_for(Type::kRebind);
  EXPECT_EQ(now_ - granted_, 200s);
  EXPECT_EQ(client_.state(), State::kRebinding);
  EXPECT_TRUE(sent_.server.empty());
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  while (client_.lease()) next_timer();
  EXPECT_EQ(now_ - granted_, 600s);
  EXPECT_EQ(change_, Change::kLost);
  EXPECT_EQ(sent_.type, Type::kSolicit);
}

TEST_F(Dhcp6ClientTest, AnotherServerMayTakeTheLeaseOver) {
  grant();
  wait_for(Type::kRebind);
  EXPECT_EQ(receive(of_other(answer(Type::kReply))), Change::kRenewed);
  EXPECT_EQ(client_.lease()->server, kOtherServer);
  wait_for(Type::kRenew);
  EXPECT_EQ(sent_.server, kOtherServer);
}

TEST_F(Dhcp6ClientTest, RenewalsAreSparse) {
  grant();
  unsigned sent = 0;
  while (client_.lease()) {
    next_timer();
    sent += sent_any_;
  }
  EXPECT_EQ(sent, 4u + 6u + 1u) << "RENEW at 100, 110, 130, 170 s, REBIND at 200, 210, 230, 270, "
                                   "350, 510 s, SOLICIT";
}

TEST_F(Dhcp6ClientTest, TimersOfOurOwnAreSpread) {
  const auto renewal = [&](std::uint32_t random) {
    random_ = random;
    client_ = Dhcp6Client(settings());
    take(client_.start(now_));
    receive(preferred(answer(Type::kAdvertise), 255));
    random_ = random;
    auto reply = answer(Type::kReply);
    reply.outside.addresses[0].t1 = reply.outside.addresses[0].t2 = 0s;
    receive(reply);
    return *client_.lease()->renewal;
  };
  EXPECT_EQ(renewal(1000), 200s);
  EXPECT_EQ(renewal(0), 190s);
  EXPECT_EQ(renewal(2000), 210s);
}

TEST_F(Dhcp6ClientTest, ForEverNeedsNoRenewal) {
  take(client_.start(now_));
  receive(preferred(answer(Type::kAdvertise), 255));
  auto reply = answer(Type::kReply);
  auto& association = reply.outside.addresses[0];
  association.t1 = association.t2 = dhcp6::kInfinity;
  association.leases[0].preferred = association.leases[0].valid = dhcp6::kInfinity;
  receive(reply);
  EXPECT_EQ(client_.next_timer(), MonotonicTime::max());
}

TEST_F(Dhcp6ClientTest, AnotherAddressInARenewalReplacesTheFirst) {
  grant();
  next_timer();
  auto reply = answer(Type::kReply, "fd00:2::1:6");
  reply.outside.addresses[0].leases.insert(reply.outside.addresses[0].leases.begin(),
                                           {IpPrefix::host(address("fd00:2::1:5")), 0s, 0s});
  EXPECT_EQ(receive(reply), Change::kChanged);
  EXPECT_EQ(leased(), address("fd00:2::1:6"));
}

TEST_F(Dhcp6ClientTest, OtherResolversAreAChange) {
  grant();
  next_timer();
  auto reply = answer(Type::kReply);
  reply.outside.dns = {address("fd00::53")};
  EXPECT_EQ(receive(reply), Change::kChanged);
}

TEST_F(Dhcp6ClientTest, AnAddressThatIsTakenBackIsLost) {
  grant();
  next_timer();
  auto reply = answer(Type::kReply);
  reply.outside.addresses[0].leases[0] = {IpPrefix::host(address("fd00:2::1:5")), 0s, 0s};
  EXPECT_EQ(receive(reply), Change::kLost);
  EXPECT_EQ(sent_.type, Type::kSolicit);
}

TEST_F(Dhcp6ClientTest, AServerThatHasForgottenIsAskedAgainAndTheAddressStaysInUse) {
  grant();
  next_timer();
  EXPECT_EQ(receive(refusal(Dhcp6Status::kNoBinding)), Change::kNone);
  EXPECT_EQ(sent_.type, Type::kRequest);
  EXPECT_EQ(sent_.server, kServer);
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  EXPECT_TRUE(client_.lease());
  EXPECT_EQ(receive(answer(Type::kReply)), Change::kRenewed);
}

TEST_F(Dhcp6ClientTest, AServerThatForgetsAndFallsSilentDoesNotEndTheLease) {
  grant();
  next_timer();
  receive(refusal(Dhcp6Status::kNoBinding));
  wait_for(Type::kRebind);
  EXPECT_TRUE(client_.lease());
}

// --- The link, sleep, restarts

TEST_F(Dhcp6ClientTest, WhenTheLinkReturnsServersAreAskedWhetherTheAddressFits) {
  grant();
  EXPECT_EQ(take(client_.link(false, now_)), Change::kNone);
  EXPECT_TRUE(client_.lease());
  now_ += 150s;
  EXPECT_EQ(client_.next_timer() - granted_, 600s) << "nothing but the end";
  take(client_.link(true, now_));
  EXPECT_EQ(client_.state(), State::kConfirming);
  EXPECT_LE(wait_for_timer(), 1s);
  EXPECT_EQ(sent_.type, Type::kConfirm);
  EXPECT_TRUE(sent_.server.empty());
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  auto reply = answer(Type::kReply);
  reply.outside = {};
  reply.outside.status = Dhcp6Status{};
  EXPECT_EQ(receive(reply), Change::kNone);
  EXPECT_EQ(client_.state(), State::kBound);
  next_timer();
  EXPECT_EQ(sent_.type, Type::kRenew) << "T1 has passed meanwhile";
}

TEST_F(Dhcp6ClientTest, NobodyObjectingTheAddressStays) {
  grant();
  client_.link(false, now_);
  take(client_.link(true, now_));
  while (client_.state() == State::kConfirming) next_timer();
  EXPECT_LE(now_ - granted_, 11s);
  EXPECT_EQ(client_.state(), State::kBound);
  EXPECT_EQ(change_, Change::kNone);
}

TEST_F(Dhcp6ClientTest, ItsServersWordIsEnoughToLoseIt) {
  grant();
  client_.link(false, now_);
  take(client_.link(true, now_));
  next_timer();
  auto reply = answer(Type::kReply);
  reply.outside = {};
  reply.outside.status = Dhcp6Status{Dhcp6Status::kNotOnLink};
  EXPECT_EQ(receive(reply), Change::kLost);
  EXPECT_EQ(sent_.type, Type::kSolicit);
}

TEST_F(Dhcp6ClientTest, AStrangersWordIsWhenTheServerIsSilent) {
  for (const bool server_answers : {true, false}) {
    client_ = Dhcp6Client(settings());
    grant();
    client_.link(false, now_);
    take(client_.link(true, now_));
    next_timer();
    auto reply = answer(Type::kReply);
    reply.outside = {};
    reply.outside.status = Dhcp6Status{Dhcp6Status::kNotOnLink};
    EXPECT_EQ(receive(of_other(reply)), Change::kNone);
    reply.outside.status = Dhcp6Status{};
    if (server_answers) receive(reply);
    while (client_.state() == State::kConfirming) next_timer();
    EXPECT_EQ(client_.lease().has_value(), server_answers);
  }
}

TEST_F(Dhcp6ClientTest, WithoutALinkNothingIsSent) {
  client_.link(false, now_);
  take(client_.start(now_));
  EXPECT_FALSE(sent_any_);
  EXPECT_EQ(client_.next_timer(), MonotonicTime::max());
  take(client_.link(true, now_));
  if (!sent_any_) {
    EXPECT_LE(wait_for_timer(), 1s);
  }
  EXPECT_EQ(sent_.type, Type::kSolicit);
  const auto advertise = preferred(answer(Type::kAdvertise), 255);
  client_.link(false, now_);
  receive(advertise);
  EXPECT_FALSE(sent_any_);
}

TEST_F(Dhcp6ClientTest, ALeaseOfAnEarlierProcessIsRenewedAtOnceAndKeptMeanwhile) {
  grant();
  const auto lease = *client_.lease();
  for (const auto& [age, type] : {std::pair{50s, Type::kRenew}, std::pair{250s, Type::kRebind}}) {
    Dhcp6Client later(settings());
    const auto step = later.adopt(lease, granted_ + age);
    ASSERT_TRUE(step.send);
    EXPECT_EQ(step.send->type, type);
    EXPECT_EQ(later.lease(), lease);
  }
  Dhcp6Client too_late(settings());
  EXPECT_EQ(too_late.adopt(lease, granted_ + 600s).send->type, Type::kSolicit);
  EXPECT_FALSE(too_late.lease());
}

TEST_F(Dhcp6ClientTest, TimeAsleepCounts) {
  grant();
  EXPECT_EQ(take(client_.slept(50s, now_)), Change::kNone);
  EXPECT_EQ(sent_.type, Type::kRenew);
  EXPECT_EQ(client_.lease()->remaining(now_), 550s);
  EXPECT_EQ(take(client_.slept(550s, now_)), Change::kLost);
}

// --- Giving it back

TEST_F(Dhcp6ClientTest, ATakenAddressIsDeclinedAndAnotherOneAskedForLater) {
  grant();
  EXPECT_EQ(take(client_.taken(now_)), Change::kTaken);
  EXPECT_FALSE(client_.lease());
  EXPECT_FALSE(client_.claimed_address());
  EXPECT_EQ(sent_.type, Type::kDecline);
  EXPECT_EQ(sent_.server, kServer);
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  EXPECT_EQ(conflict_->address, address("fd00:2::1:5"));
  EXPECT_EQ(conflict_->wait, 10s);
  EXPECT_EQ(client_.conflicts(), 1u);
  wait_for_timer();
  EXPECT_EQ(sent_.type, Type::kDecline) << "not answered yet";
  receive(of_other(answer(Type::kReply)));
  EXPECT_EQ(client_.state(), State::kDeclining);
  receive(answer(Type::kReply));
  EXPECT_EQ(client_.state(), State::kInit);
  wait_for_timer();
  EXPECT_EQ(sent_.type, Type::kSolicit);
  EXPECT_GE(now_ - granted_, 10s);
  EXPECT_LE(now_ - granted_, 11s);
}

TEST_F(Dhcp6ClientTest, ADeclineIsSentFourTimesAtMost) {
  grant();
  take(client_.taken(now_));
  unsigned declines = 1;
  for (next_timer(); sent_.type == Type::kDecline; next_timer()) declines += sent_any_;
  EXPECT_EQ(declines, 4u);
  EXPECT_EQ(sent_.type, Type::kSolicit);
}

TEST_F(Dhcp6ClientTest, ALeaseIsGivenBack) {
  EXPECT_FALSE(client_.release(now_).send) << "there is none";
  grant();
  EXPECT_EQ(take(client_.release(now_)), Change::kLost);
  EXPECT_EQ(sent_.type, Type::kRelease);
  EXPECT_EQ(sent_.server, kServer);
  EXPECT_EQ(asked_for(), address("fd00:2::1:5"));
  EXPECT_FALSE(client_.lease());
  wait_for_timer();
  EXPECT_EQ(sent_.type, Type::kRelease);
  receive(answer(Type::kReply));
  EXPECT_EQ(client_.next_timer(), MonotonicTime::max());
}

}  // namespace
}  // namespace anabranch::host
