// SPDX-License-Identifier: MIT
// The traps of splice, met one by one: what a call says when an octet is urgent, when the end comes
// with it, when the receiver has no room.
#include "relay/direction.hpp"

#include <sys/ioctl.h>

#include "relay/relay_support.hpp"

namespace anabranch::relay {
namespace {

using test::connect_over_loopback;
using test::Ends;
using test::eventually;

/// The size of a read that is taken for a stream.
constexpr std::size_t kFull = 64 * 1024;

class DirectionTest : public ::testing::Test {
 protected:
  DirectionTest() {
    test::enter_network();
    from_ = connect_over_loopback(false, 4'000'000);  // what is sent fits in
    to_ = connect_over_loopback(false);
    const int on = 1;
    ::setsockopt(from_.passive.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    for (const int fd : {from_.passive.get(), to_.active.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    test::set_patience(to_.passive.get());
  }
  ~DirectionTest() override { direction_.release(carrier_); }

  void send(const std::string& octets, int flags = 0) {
    ASSERT_EQ(::send(from_.active.get(), octets.data(), octets.size(), flags),
              static_cast<ssize_t>(octets.size()));
  }
  /// Waits until `size` octets wait to be carried.
  void await(std::size_t size) {
    std::string peeked(size, '\0');
    ASSERT_TRUE(eventually([&] {
      return ::recv(from_.passive.get(), peeked.data(), size, MSG_PEEK) ==
             static_cast<ssize_t>(size);
    }));
  }
  /// As an event that says all there is to say.
  Direction::Result carry() {
    from_side_ = {.fd = from_.passive.get(), .readable = true};
    to_side_ = {.fd = to_.active.get(), .writable = true};
    return direction_.carry(carrier_, from_side_, to_side_);
  }
  std::string receive(std::size_t size) {
    std::string heard(size, '\0');
    const ssize_t got = ::recv(to_.passive.get(), heard.data(), size, MSG_WAITALL);
    heard.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return heard;
  }

  Ends from_;
  Ends to_;
  Carrier carrier_;
  Direction direction_{true};
  Side from_side_;
  Side to_side_;
};

TEST_F(DirectionTest, AnUrgentOctetBeforeTheEndIsNotTheEnd) {
  const std::string stream(kFull, 's');
  send(stream);
  send("U", MSG_OOB);
  ::shutdown(from_.active.get(), SHUT_WR);
  await(kFull);
  ASSERT_TRUE(eventually([&] {
    tcp_info info{};
    socklen_t size = sizeof info;
    ::getsockopt(from_.passive.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_state == TCP_CLOSE_WAIT;
  }));
  // The read comes back full, so a splice is next, and its answer is 0.
  EXPECT_EQ(carry(), Direction::Result::kWaits);
  EXPECT_EQ(direction_.octets(), kFull + 1);
  EXPECT_FALSE(direction_.done());
  EXPECT_EQ(carry(), Direction::Result::kWaits);
  EXPECT_TRUE(direction_.done());
  EXPECT_TRUE(receive(kFull + 1) == stream + "U");
  EXPECT_EQ(test::next_read(to_.passive.get()), 0);
}

TEST_F(DirectionTest, AStreamGoesByAPipeAndATrickleDoesNot) {
  send("a few octets");
  await(12);
  carry();
  EXPECT_EQ(carrier_.counts.copied, 12U);
  EXPECT_EQ(carrier_.counts.spliced, 0U);
  EXPECT_EQ(carrier_.pipes.open(), 0U);
  send(std::string(4 * kFull, 's'));
  await(4 * kFull);
  carry();
  EXPECT_EQ(carrier_.counts.copied, 12U + kFull);
  EXPECT_EQ(carrier_.counts.spliced, 3 * kFull);
  EXPECT_EQ(receive(12), "a few octets");
  EXPECT_TRUE(receive(4 * kFull) == std::string(4 * kFull, 's'));
}

TEST_F(DirectionTest, WhatTheReceiverDoesNotTakeStaysInThePipe) {
  ::fcntl(from_.active.get(), F_SETFL, O_NONBLOCK);
  const std::string some(100'000, 'x');
  ASSERT_TRUE(eventually([&] {
    ::send(from_.active.get(), some.data(), some.size(), 0);
    carry();
    return direction_.blocked();
  }));
  EXPECT_FALSE(to_side_.writable);
  EXPECT_GT(carrier_.counts.held, 0U);
  const auto octets = direction_.octets();
  const auto held = carrier_.counts.held;
  // No more is read before that is gone.
  ::send(from_.active.get(), some.data(), some.size(), 0);
  EXPECT_EQ(carry(), Direction::Result::kWaits);
  EXPECT_EQ(direction_.octets(), octets);
  EXPECT_EQ(carrier_.counts.held, held);
  // As the receiver reads, all of it goes on, and the pipe goes back.
  std::size_t heard = 0;
  std::string octet(1'000'000, '\0');
  ASSERT_TRUE(eventually([&] {
    const ssize_t got = ::recv(to_.passive.get(), octet.data(), octet.size(), MSG_DONTWAIT);
    if (got > 0) heard += static_cast<std::size_t>(got);
    carry();
    return heard == direction_.octets() && !from_side_.readable;
  }));
  EXPECT_EQ(carrier_.counts.held, 0U);
  EXPECT_FALSE(direction_.blocked());
}

TEST_F(DirectionTest, OneTurnCarriesNoMoreThanItsBudget) {
  // More than a turn may carry is there.
  std::string octets(300'000, 'x');
  ::fcntl(from_.active.get(), F_SETFL, O_NONBLOCK);
  int waiting = 0;
  ASSERT_TRUE(eventually([&] {
    ::send(from_.active.get(), octets.data(), octets.size(), 0);
    ::ioctl(from_.passive.get(), FIONREAD, &waiting);
    return waiting > static_cast<int>(2 * Carrier::kBudget);
  }));
  EXPECT_EQ(carry(), Direction::Result::kBudgetOver);
  EXPECT_LE(direction_.octets(), Carrier::kBudget + Carrier::kSplice);
}

TEST_F(DirectionTest, ALostConnectionIsToldByItsSide) {
  const linger at_once{1, 0};
  ::setsockopt(from_.active.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  from_.active.reset();
  EXPECT_EQ(carry(), Direction::Result::kFromFailed);
}

TEST_F(DirectionTest, AReceiverThatIsLostIsToldByItsSide) {
  const linger at_once{1, 0};
  ::setsockopt(to_.passive.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  to_.passive.reset();
  send("x");
  await(1);
  EXPECT_EQ(carry(), Direction::Result::kToFailed);
}

}  // namespace
}  // namespace anabranch::relay
