// SPDX-License-Identifier: MIT
#include "proxy/cpe_session.hpp"

#include "cpe_fixture.hpp"

namespace anabranch::proxy {
namespace {

using namespace test;

TEST_F(Cpe, TellsTheConverterInTheSynWhereAConnectionGoes) {
  run();
  const auto host = dial();
  const auto converter = asked();
  EXPECT_TRUE(kernel::is_mptcp(converter.get()));
  EXPECT_EQ(read_from(converter.get(), kConnect.size()), kConnect);
  say(host.get(), "hello");
  EXPECT_EQ(read_from(converter.get(), 5), "hello") << "before the converter has answered";
  say(converter.get(), kYes + "world");
  EXPECT_EQ(read_from(host.get(), 5), "world");
  say(host.get(), "more");
  EXPECT_EQ(read_from(converter.get(), 4), "more");
  EXPECT_EQ(counts().syn_data, 1u);
  EXPECT_EQ(counts().outcomes["converted"], 1u);
}

// No octet of the host may be delivered by two ways. Here all that follows the SYN is lost for a
// while.
TEST_F(Cpe, ASynCarriesNothingOfTheHosts) {
  run();
  lose_third_acks();
  const auto host = dial();
  say(host.get(), "hello");
  ASSERT_TRUE(readable(converter_.get()));
  const auto accepted = kernel::accept_from(converter_.get());
  EXPECT_EQ(read_from(accepted.fd.get(), kConnect.size()), kConnect);
  EXPECT_FALSE(readable(accepted.fd.get(), 100));
  lose_nothing();
  EXPECT_EQ(read_from(accepted.fd.get(), 5), "hello");
}

TEST_F(Cpe, ARefusalReachesTheHostAsAReset) {
  run();
  for (const auto& [said, name] : {std::pair{error(96), "refused"},
                                   {error(97, 1), "unreachable"},
                                   {error(65), "network-failure"}}) {
    const auto host = dial();
    const auto converter = asked();
    say(converter.get(), said);
    EXPECT_EQ(read_from(host.get()), "reset") << name;
    EXPECT_EQ(counts().outcomes[name], 1u) << name;
  }
  EXPECT_TRUE(pool_->view(ConverterPool::Time::clock::now())[0].reachable);
}

TEST_F(Cpe, AsksAgainWithTheCookieItWasGiven) {
  run();
  const auto host = dial();
  say(host.get(), "hello");
  const auto first = asked();
  EXPECT_EQ(read_from(first.get(), kConnect.size() + 5), kConnect + "hello");
  const auto cookie = "\x00\x11\x22\x33\x44\x55\x66\x77"s;
  say(first.get(), "\x01\x04\x22\x63\x1e\x03\x03\x00"s + cookie);
  const auto second = asked();
  const auto with_cookie = "\x01\x09\x22\x63\x16\x03\0\0"s + cookie + kConnect.substr(4);
  EXPECT_EQ(read_from(second.get(), with_cookie.size() + 5), with_cookie + "hello");
  say(second.get(), kYes + "x");
  EXPECT_EQ(read_from(host.get(), 1), "x");
  EXPECT_TRUE(pool_->view(ConverterPool::Time::clock::now())[0].cookie);
}

TEST_F(Cpe, AConverterThatDiesWithDataOfTheHostIsNotGoneAround) {
  run();
  const auto host = dial();
  say(host.get(), "pay 100");
  {
    const auto converter = asked();
    EXPECT_EQ(read_from(converter.get(), kConnect.size() + 7), kConnect + "pay 100");
  }
  EXPECT_EQ(read_from(host.get()), "reset");
  EXPECT_EQ(counts().outcomes["converter-lost"], 1u);
  EXPECT_TRUE(counts().direct.empty());
}

TEST_F(Cpe, WhatIsNoConverterIsLeftOut) {
  run();
  const auto host = dial();
  const auto converter = asked();
  say(converter.get(), "220 mail.example ESMTP\r\n");
  EXPECT_EQ(read_from(converter.get()), kConnect + "reset");
  const auto view = pool_->view(ConverterPool::Time::clock::now())[0];
  EXPECT_FALSE(view.reachable);
  EXPECT_NE(view.why.find("is no converter"), view.why.npos) << view.why;
  EXPECT_EQ(counts().direct["converter-unusable"], 1u);
}

TEST_F(Cpe, AHostThatGoesEndsTheConvertersConnection) {
  run();
  auto host = dial();
  const auto converter = asked();
  EXPECT_EQ(read_from(converter.get(), kConnect.size()), kConnect);
  kernel::let_close_reset(host.get());
  host.reset();
  EXPECT_EQ(read_from(converter.get()), "reset");
  EXPECT_EQ(counts().outcomes["host-gone"], 1u);
}

// Direct is to the CPE itself here, which plays the destination.
TEST_F(Cpe, WhatIsBeyondALimitGoesDirectOrIsReset) {
  run({}, "[limits]\nper_client = 1\n");
  const auto first = dial();
  const auto converter = asked();
  const auto second = dial();
  for (int i = 0; i < 500 && counts().direct["limit-per-client"] == 0; ++i) ::poll(nullptr, 0, 10);
  EXPECT_GE(counts().direct["limit-per-client"], 1u);
  EXPECT_FALSE(readable(converter_.get(), 100)) << "the converter was asked";
}

TEST_F(Cpe, WhatIsBeyondALimitIsResetWhereTheFileSaysSo) {
  run({}, "[limits]\nper_client = 1\nbeyond = \"reset\"\n");
  const auto first = dial();
  const auto converter = asked();
  EXPECT_EQ(read_from(dial().get()), "reset");
  EXPECT_EQ(counts().outcomes["limit-per-client"], 1u);
  EXPECT_TRUE(counts().direct.empty());
}

TEST_F(Cpe, AServerThatSpeaksMptcpIsRemembered) {
  run("bypass = true\n");
  const auto host = dial();
  const auto converter = asked();
  EXPECT_EQ(read_from(converter.get(), kConnectMptcp.size()), kConnectMptcp);
  say(converter.get(), kYesMptcp + "x");
  EXPECT_EQ(read_from(host.get(), 1), "x");
  EXPECT_TRUE(servers_.knows(kServer, MptcpServers::Time::clock::now()));
}

TEST_F(Cpe, AConverterWithoutMptcpOfItsOwnIsAskedForTcp) {
  run("bypass = true\n");
  const auto host = dial();
  const auto first = asked();
  say(first.get(), "\x01\x02\x22\x63\x1e\x01\x21\x1e"s);
  const auto second = asked();
  EXPECT_EQ(read_from(second.get(), kConnect.size()), kConnect);
}

}  // namespace
}  // namespace anabranch::proxy
