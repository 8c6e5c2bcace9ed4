// SPDX-License-Identifier: MIT
// What relays share, what bounds them, and the traps of splice.
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <sys/ioctl.h>
#include <sys/resource.h>

#include "relay/pipe_pool.hpp"
#include "relay/relay_support.hpp"

namespace anabranch::relay {
namespace {

using namespace std::chrono_literals;
using test::Bench;
using test::eventually;
using test::next_read;
using test::Pattern;
using test::receive_pattern;
using test::send_pattern;
using test::Through;

TEST(RelayLimits, ARelayWithoutTrafficIsResetAfterItsIdleTime) {
  Bench bench({.idle = 1s});
  const auto begin = std::chrono::steady_clock::now();
  Through idle = bench.connect(false, false);
  Through busy = bench.connect(false, false);
  // Traffic of either direction counts.
  ASSERT_TRUE(eventually([&] {
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(::send(busy.server.get(), "x", 1, 0), 1);
    return idle.summary.wait_for(0s) == std::future_status::ready;
  }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);
  EXPECT_EQ(idle.end()->ended, Ended::kIdle);
  EXPECT_EQ(next_read(idle.client.get()), -ECONNRESET);
  EXPECT_EQ(next_read(idle.server.get()), -ECONNRESET);
  EXPECT_EQ(next_read(busy.client.get()), 1);
}

TEST(RelayLimits, AHalfClosedRelayHasAShorterIdleTime) {
  Bench bench({.half_closed_idle = 1s});
  Through through = bench.connect(false, false);
  ::shutdown(through.client.get(), SHUT_WR);
  EXPECT_EQ(next_read(through.server.get()), 0);
  const auto summary = through.end();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->ended, Ended::kIdle);
  EXPECT_GE(summary->lasted, 1s);
}

TEST(RelayLimits, EndAllResetsBothSides) {
  Bench bench;
  Through through = bench.connect(false, false);
  bench.inside([&] { bench.relays().end_all(); });
  EXPECT_EQ(through.end()->ended, Ended::kTold);
  EXPECT_EQ(next_read(through.client.get()), -ECONNRESET);
  EXPECT_EQ(next_read(through.server.get()), -ECONNRESET);
}

TEST(RelayLimits, AListenerMayAddTheNextRelay) {
  Bench bench;
  struct Adds final : Relays::Listener {
    explicit Adds(Bench& of) : bench(of) {}
    void ended(const Summary&) override {
      for (const int fd : {client.passive.get(), server.active.get()})
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
      bench.relays().add({std::move(client.passive)}, {std::move(server.active)}, nullptr);
    }
    Bench& bench;
    test::Ends client = test::connect_over_loopback(false);
    test::Ends server = test::connect_over_loopback(false);
  };
  auto adds = std::make_unique<Adds>(bench);
  const UniqueFd client(::dup(adds->client.active.get()));
  const UniqueFd server(::dup(adds->server.passive.get()));
  test::set_patience(server.get());
  test::Ends first_client = test::connect_over_loopback(false);
  test::Ends first_server = test::connect_over_loopback(false);
  bench.inside([&] {
    bench.relays().add({std::move(first_client.passive)}, {std::move(first_server.active)},
                       std::move(adds));
  });
  first_client.active.reset();
  first_server.passive.reset();
  ASSERT_EQ(::send(client.get(), "x", 1, 0), 1);
  EXPECT_EQ(next_read(server.get()), 1);
}

TEST(RelayLimits, AtRestARelayHoldsNeitherBufferNorPipe) {
  Bench bench;
  std::vector<Through> all;
  for (int number = 0; number < 50; ++number) all.push_back(bench.connect(false, false));
  for (Through& through : all) {
    Pattern sent(10);
    Pattern received(10);
    const std::jthread up(
        [&] { EXPECT_TRUE(send_pattern(through.client.get(), sent, 2'000'000)); });
    EXPECT_TRUE(receive_pattern(through.server.get(), received, 2'000'000));
  }
  const RelayCounts counts = bench.counts();
  EXPECT_EQ(counts.running, 50U);
  EXPECT_EQ(counts.held, 0U);
  EXPECT_LE(counts.pipes, PipePool::kMostSpare);
  EXPECT_GT(counts.spliced, 0U);
}

TEST(RelayLimits, WhatTheKernelBuffersIsFoundAndForgottenWithItsConnection) {
  Bench bench;
  const auto measured = [&] {
    return bench.inside([&] {
      bench.relays().measure_buffers(100);
      return bench.relays().counts().buffered;
    });
  };
  Through idle = bench.connect(false, false);
  EXPECT_EQ(measured(), 0u);
  {
    // Nobody reads what the server sends.
    Through slow = bench.connect(false, false);
    const std::string much(1 << 20, 'x');
    ASSERT_TRUE(eventually([&] {
      ::send(slow.server.get(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      return measured() > 100'000;
    }));
  }
  EXPECT_TRUE(eventually([&] { return measured() == 0; }));
}

TEST(RelayLimits, OneFastConnectionLeavesTheOthersTheirShare) {
  Bench bench;
  Through fast = bench.connect(false, false);
  std::atomic<bool> over = false;
  const std::jthread sender([&] {
    Pattern pattern(11);
    while (!over && send_pattern(fast.client.get(), pattern, 1'000'000)) {
    }
    ::shutdown(fast.client.get(), SHUT_WR);
  });
  const std::jthread receiver([&] {
    std::vector<char> buffer(1'000'000);
    while (::recv(fast.server.get(), buffer.data(), buffer.size(), MSG_TRUNC) > 0) {
    }
  });
  Through small = bench.connect(false, false);
  for (int number = 0; number < 200; ++number) {
    ASSERT_EQ(::send(small.client.get(), "x", 1, 0), 1);
    ASSERT_EQ(next_read(small.server.get()), 1);
  }
  over = true;
}

TEST(RelayLimits, MoreSlowReadersThanPipes) {
  Bench bench({.way = Way::kSplice});
  constexpr std::size_t kEach = 1'500'000;
  std::vector<Through> all;
  std::vector<std::jthread> senders;
  for (std::size_t number = 0; number < PipePool::kMost + 40; ++number) {
    all.push_back(bench.connect(false, false, 20'000));
    ::fcntl(all.back().client.get(), F_SETFL, O_NONBLOCK);
  }
  // Everyone writes what fits, and later the rest; nobody reads yet.
  std::vector<std::size_t> sent(all.size(), 0);
  const auto write_what_fits = [&] {
    std::size_t moved = 0;
    const std::vector<char> octets(50'000, 'x');
    for (std::size_t at = 0; at < all.size(); ++at)
      while (sent[at] < kEach) {
        const ssize_t put = ::send(all[at].client.get(), octets.data(),
                                   std::min(octets.size(), kEach - sent[at]), MSG_NOSIGNAL);
        if (put <= 0) break;
        sent[at] += static_cast<std::size_t>(put);
        moved += static_cast<std::size_t>(put);
      }
    return moved;
  };
  ASSERT_TRUE(eventually([&] {
    std::this_thread::sleep_for(20ms);
    return write_what_fits() == 0;
  }));
  EXPECT_GT(bench.counts().held, 0U);
  EXPECT_LE(bench.counts().pipes, PipePool::kMost);
  std::size_t received = 0;
  std::vector<char> buffer(200'000);
  ASSERT_TRUE(eventually([&] {
    write_what_fits();
    for (const Through& through : all) {
      const ssize_t got = ::recv(through.server.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) received += static_cast<std::size_t>(got);
    }
    return received == all.size() * kEach;
  })) << received;
  EXPECT_EQ(bench.counts().held, 0U);
  EXPECT_LE(bench.counts().pipes, PipePool::kMostSpare);
}

TEST(RelayLimits, WithoutDescriptorsForPipesOctetsAreCopied) {
  Bench bench({.way = Way::kSplice});
  Through through = bench.connect(false, false);
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  const rlimit none{test::open_descriptors() - 1, files.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  {
    const std::jthread up([&] {
      Pattern pattern(12);
      EXPECT_TRUE(send_pattern(through.client.get(), pattern, 10'000'000));
    });
    Pattern pattern(12);
    EXPECT_TRUE(receive_pattern(through.server.get(), pattern, 10'000'000));
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(bench.counts().spliced, 0U);
}

TEST(RelayLimits, UrgentOctetsKeepTheirPlaceInTheStream) {
  Bench bench({.way = Way::kSplice});
  Through through = bench.connect(false, false);
  const std::string much(400'000, 'm');
  for (int number = 0; number < 10; ++number) {
    const std::jthread up([&] {
      EXPECT_EQ(::send(through.client.get(), much.data(), much.size(), 0), 400'000);
      EXPECT_EQ(::send(through.client.get(), "U", 1, MSG_OOB), 1);
      EXPECT_EQ(::send(through.client.get(), "after", 5, 0), 5);
    });
    std::string heard(much.size() + 6, '\0');
    EXPECT_EQ(::recv(through.server.get(), heard.data(), heard.size(), MSG_WAITALL),
              static_cast<ssize_t>(heard.size()));
    EXPECT_TRUE(heard == much + "Uafter");
  }
}

/// A counter of this network namespace.
std::uint64_t mptcp_counter(const std::string& name) {
  std::ifstream file("/proc/thread-self/net/netstat");
  for (std::string names, values; std::getline(file, names) && std::getline(file, values);) {
    std::istringstream name_words(names);
    std::istringstream value_words(values);
    std::string word;
    std::string value;
    while (name_words >> word && value_words >> value)
      if (word == name && names.starts_with("MPTcpExt")) return std::stoull(value);
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

/// Instead of subflows that get lost one by one, which the peer would try to replace.
TEST(RelayLimits, AResetOnMptcpIsAFastclose) {
  test::enter_network();
  if (!kernel::mptcp_available()) GTEST_SKIP() << "this kernel has no MPTCP";
  Bench bench;
  Through through = bench.connect(false, true);
  ASSERT_EQ(::send(through.client.get(), "x", 1, 0), 1);
  ASSERT_EQ(next_read(through.server.get()), 1);
  const auto before = mptcp_counter("MPFastcloseTx");
  const linger at_once{1, 0};
  ::setsockopt(through.client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  through.client.reset();
  EXPECT_EQ(next_read(through.server.get()), -ECONNRESET);
  EXPECT_EQ(mptcp_counter("MPFastcloseTx"), before + 1);
}

}  // namespace
}  // namespace anabranch::relay
