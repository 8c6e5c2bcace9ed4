// SPDX-License-Identifier: MIT
// What ends of a relayed connection see, with TCP and MPTCP on either side and each way octets go.
#include "relay/relay.hpp"

#include <cerrno>
#include <thread>

#include "relay/relay_support.hpp"

namespace anabranch::relay {
namespace {

using test::Bench;
using test::eventually;
using test::next_read;
using test::Pattern;
using test::receive_pattern;
using test::RelayTest;
using test::send_pattern;
using test::Through;

constexpr std::size_t kMany = 24'000'000;

void reset(UniqueFd& fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd.reset();
}

class EveryWay : public RelayTest {};
class EveryPair : public RelayTest {};
INSTANTIATE_TEST_SUITE_P(Relay, EveryWay, ::testing::ValuesIn(test::cases(true)), test::name_of);
INSTANTIATE_TEST_SUITE_P(Relay, EveryPair, ::testing::ValuesIn(test::cases(false)), test::name_of);

TEST_P(EveryWay, CarriesBothWaysAtOnceToTheOctet) {
  Bench bench(settings());
  Through through = connect(bench);
  {
    const std::jthread up([&] {
      Pattern pattern(1);
      EXPECT_TRUE(send_pattern(through.client.get(), pattern, kMany));
      ::shutdown(through.client.get(), SHUT_WR);
    });
    const std::jthread down([&] {
      Pattern pattern(2);
      EXPECT_TRUE(send_pattern(through.server.get(), pattern, kMany));
      ::shutdown(through.server.get(), SHUT_WR);
    });
    const std::jthread client([&] {
      Pattern pattern(2);
      EXPECT_TRUE(receive_pattern(through.client.get(), pattern, kMany));
      EXPECT_EQ(next_read(through.client.get()), 0);
    });
    Pattern pattern(1);
    EXPECT_TRUE(receive_pattern(through.server.get(), pattern, kMany));
    EXPECT_EQ(next_read(through.server.get()), 0);
  }
  const auto summary = through.end();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->ended, Ended::kInOrder);
  EXPECT_EQ(summary->octets_to_server, kMany);
  EXPECT_EQ(summary->octets_to_client, kMany);
  const RelayCounts counts = bench.counts();
  EXPECT_EQ(counts.spliced + counts.copied, 2 * kMany);
  EXPECT_EQ(counts.held, 0U);
  EXPECT_EQ(counts.running, 0U);
  if (GetParam().way == Way::kCopy) {
    EXPECT_EQ(counts.spliced, 0U);
  }
  if (GetParam().way == Way::kSplice) {
    EXPECT_GT(counts.spliced, counts.copied);
  }
}

TEST_P(EveryWay, OctetsComeOneByOneAndAtOnce) {
  Bench bench(settings());
  Through through = connect(bench);
  Pattern sent(3);
  Pattern received(3);
  // Each answers the other: an event that got lost would stop them.
  for (int number = 0; number < 2000; ++number) {
    const std::size_t size = 1 + static_cast<std::size_t>(number) % 7;
    ASSERT_TRUE(send_pattern(through.client.get(), sent, size));
    ASSERT_TRUE(receive_pattern(through.server.get(), received, size));
    ASSERT_TRUE(send_pattern(through.server.get(), sent, size));
    ASSERT_TRUE(receive_pattern(through.client.get(), received, size));
  }
}

TEST_P(EveryPair, AStreamOfTinyWritesArrivesWhole) {
  Bench bench(settings());
  Through through = connect(bench);
  const int on = 1;
  ::setsockopt(through.client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::jthread up([&] {
    Pattern pattern(4);
    EXPECT_TRUE(send_pattern(through.client.get(), pattern, 20'000, 1));
  });
  Pattern pattern(4);
  EXPECT_TRUE(receive_pattern(through.server.get(), pattern, 20'000));
}

TEST_P(EveryPair, AClosedHalfIsHandedOnAndTheOtherGoesOn) {
  Bench bench(settings());
  Through through = connect(bench);
  Pattern request(5);
  ASSERT_TRUE(send_pattern(through.client.get(), request, 1000));
  ::shutdown(through.client.get(), SHUT_WR);
  Pattern heard(5);
  EXPECT_TRUE(receive_pattern(through.server.get(), heard, 1000));
  EXPECT_EQ(next_read(through.server.get()), 0);

  const std::jthread down([&] {
    Pattern pattern(6);
    EXPECT_TRUE(send_pattern(through.server.get(), pattern, 5'000'000));
    through.server.reset();
  });
  Pattern pattern(6);
  EXPECT_TRUE(receive_pattern(through.client.get(), pattern, 5'000'000));
  EXPECT_EQ(next_read(through.client.get()), 0);
  const auto summary = through.end();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->ended, Ended::kInOrder);
}

TEST_P(EveryPair, AResetOfTheClientResetsTheServer) {
  Bench bench(settings());
  Through through = connect(bench);
  ASSERT_EQ(::send(through.client.get(), "x", 1, 0), 1);
  ASSERT_EQ(next_read(through.server.get()), 1);
  reset(through.client);
  EXPECT_EQ(next_read(through.server.get()), -ECONNRESET);
  const auto summary = through.end();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->ended, Ended::kResetByClient);
}

TEST_P(EveryPair, AResetOfTheServerResetsTheClientInTheMiddleOfATransfer) {
  Bench bench(settings());
  Through through = connect(bench);
  std::jthread up([&] {
    Pattern pattern(7);
    EXPECT_FALSE(send_pattern(through.client.get(), pattern, 1'000'000'000));
  });
  Pattern pattern(7);
  EXPECT_TRUE(receive_pattern(through.server.get(), pattern, 3'000'000));
  reset(through.server);
  up.join();
  const auto summary = through.end();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->ended, Ended::kResetByServer);
  EXPECT_EQ(bench.counts().held, 0U);
}

TEST_P(EveryPair, AResetIsNoticedWhileTheOtherSideTakesNothing) {
  Bench bench(settings());
  Through through = connect(bench, 100'000);
  ::fcntl(through.client.get(), F_SETFL, O_NONBLOCK);
  Pattern pattern(8);
  // Until everything up to the server is full.
  ASSERT_TRUE(eventually([&] {
    send_pattern(through.client.get(), pattern, 10'000'000);
    const auto before = bench.counts();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return before.held > 0 && bench.counts().octets_to_server == before.octets_to_server;
  }));
  reset(through.client);
  const auto summary = through.end();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->ended, Ended::kResetByClient);
  EXPECT_EQ(bench.counts().held, 0U);
}

TEST_P(EveryPair, ASlowReaderStopsTheSenderAndLosesNothing) {
  Bench bench(settings());
  Through through = connect(bench, 100'000);
  std::atomic<bool> all_sent = false;
  const std::jthread up([&] {
    Pattern pattern(9);
    EXPECT_TRUE(send_pattern(through.client.get(), pattern, kMany));
    all_sent = true;
    ::shutdown(through.client.get(), SHUT_WR);
  });
  // Nothing moves any more: what is under way is bounded.
  ASSERT_TRUE(eventually([&] {
    const auto before = bench.counts();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return before.octets_to_server > 0 &&
           bench.counts().octets_to_server == before.octets_to_server;
  }));
  EXPECT_FALSE(all_sent);
  EXPECT_LE(bench.counts().held, 1024U * 1024U);
  Pattern pattern(9);
  EXPECT_TRUE(receive_pattern(through.server.get(), pattern, kMany));
  EXPECT_EQ(next_read(through.server.get()), 0);
  EXPECT_EQ(bench.counts().held, 0U);
}

TEST_P(EveryPair, WhatIsToComeFirstComesFirst) {
  Bench bench(settings());
  Through through =
      bench.connect(GetParam().client_mptcp, GetParam().server_mptcp, 0, {'h', 'e', 'l', 'l', 'o'},
                    std::vector<std::uint8_t>(500'000, 'a'));
  ASSERT_EQ(::send(through.server.get(), "!", 1, 0), 1);
  ASSERT_EQ(::send(through.client.get(), "!", 1, 0), 1);
  std::string to_client(6, '\0');
  EXPECT_EQ(::recv(through.client.get(), to_client.data(), 6, MSG_WAITALL), 6);
  EXPECT_EQ(to_client, "hello!");
  std::string to_server(500'001, '\0');
  EXPECT_EQ(::recv(through.server.get(), to_server.data(), 500'001, MSG_WAITALL), 500'001);
  EXPECT_EQ(to_server, std::string(500'000, 'a') + '!');
}

TEST_P(EveryPair, OctetsThatCameBeforeTheRelayBeganArrive) {
  // As when the end of the stream is there already, too.
  Bench bench(settings());
  auto client = test::connect_over_loopback(GetParam().client_mptcp);
  auto server = test::connect_over_loopback(GetParam().server_mptcp);
  ASSERT_EQ(::send(client.active.get(), "early", 5, 0), 5);
  ::shutdown(client.active.get(), SHUT_WR);
  test::set_patience(server.passive.get());
  bench.inside([&] {
    bench.relays().add({std::move(client.passive), GetParam().client_mptcp},
                       {std::move(server.active), GetParam().server_mptcp}, nullptr);
  });
  std::string heard(5, '\0');
  EXPECT_EQ(::recv(server.passive.get(), heard.data(), 5, MSG_WAITALL), 5);
  EXPECT_EQ(heard, "early");
  EXPECT_EQ(next_read(server.passive.get()), 0);
}

TEST_P(EveryPair, ManyShortConnectionsLeaveNothingBehind) {
  Bench bench(settings());
  const auto one = [&](bool by_reset) {
    Through through = connect(bench);
    EXPECT_EQ(::send(through.client.get(), "question", 8, 0), 8);
    char octets[8];
    EXPECT_EQ(::recv(through.server.get(), octets, 8, MSG_WAITALL), 8);
    EXPECT_EQ(::send(through.server.get(), "answer", 6, 0), 6);
    EXPECT_EQ(::recv(through.client.get(), octets, 6, MSG_WAITALL), 6);
    if (by_reset)
      reset(through.server);
    else
      through.server.reset();
    EXPECT_EQ(next_read(through.client.get()), by_reset ? -ECONNRESET : 0);
    through.client.reset();
    EXPECT_TRUE(through.end());
  };
  one(false);
  const auto before = test::open_descriptors();
  for (int number = 0; number < 300; ++number) one(number % 3 == 0);
  EXPECT_EQ(test::open_descriptors(), before);
  EXPECT_EQ(bench.counts().running, 0U);
  EXPECT_EQ(bench.counts().held, 0U);
}

}  // namespace
}  // namespace anabranch::relay
