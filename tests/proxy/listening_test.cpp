// SPDX-License-Identifier: MIT
// Listening sockets when a file is read again, in a network namespace of their own.
#include "proxy/listening.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy_network.hpp"

namespace anabranch::proxy {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const Endpoint kOther = Endpoint::parse("198.18.9.10:5124").value();

class Listening : public ProxyNetwork {
 protected:
  static std::vector<Listener> open(const ListeningPlan& plan, std::size_t workers) {
    auto out = open_missing(plan, workers, {});
    EXPECT_TRUE(out) << out.error().text();
    return out ? *std::move(out) : std::vector<Listener>();
  }
};

TEST_F(Listening, OpensWhatIsMissingAndNoMore) {
  const ListeningPlan plan{{kConverter, kOther}, {.congestion = "cubic"}};
  const auto there = open(plan, 2);
  EXPECT_THAT(there, SizeIs(4));
  const auto more = open_missing(plan, 3, {kConverter, kConverter, kOther, kOther});
  ASSERT_TRUE(more);
  EXPECT_THAT(*more, SizeIs(2));
}

TEST_F(Listening, WhoWaitsAtASocketIsNotLostWhenItsWorkerGoes) {
  const ListeningPlan plan{{kConverter}, {.congestion = "cubic"}};
  auto sockets = open(plan, 3);
  std::vector<UniqueFd> callers;
  for (int i = 0; i < 20; ++i) {
    auto fd = kernel::open_stream_socket(Family::kIpv4, kernel::Transport::kTcp);
    ASSERT_TRUE(fd);
    ASSERT_EQ(kernel::begin_connect(fd->get(), kConverter, {}).error, 0);
    callers.push_back(*std::move(fd));
  }
  const auto shares = deal_out(std::move(sockets), plan, 1);
  ASSERT_THAT(shares, SizeIs(1));
  ASSERT_THAT(shares[0], SizeIs(3));
  std::size_t let_in = 0;
  for (const auto& listener : shares[0])
    while (kernel::accept_from(listener.fd.get()).fd) ++let_in;
  EXPECT_EQ(let_in, callers.size());
}

TEST_F(Listening, WhatIsNotPlannedAnyMoreIsClosed) {
  auto sockets = open({{kConverter, kOther}, {.congestion = "cubic"}}, 2);
  const auto shares = deal_out(std::move(sockets), {{kOther}, {.congestion = "reno"}}, 2);
  for (const auto& share : shares) {
    ASSERT_THAT(share, SizeIs(1));
    EXPECT_EQ(share[0].endpoint, kOther);
    EXPECT_EQ(kernel::congestion_control(share[0].fd.get()).value_or(""), "reno");
  }
  auto fd = kernel::open_stream_socket(Family::kIpv4, kernel::Transport::kTcp);
  ASSERT_TRUE(fd);
  kernel::begin_connect(fd->get(), kConverter, {});
  ASSERT_TRUE(readable(fd->get()));
  EXPECT_EQ(kernel::take_error(fd->get()), ECONNREFUSED);
}

TEST_F(Listening, AnAddressThatIsNotOursIsNamed) {
  const auto open = open_missing({{Endpoint::parse("198.18.9.77:5124").value()}, {}}, 1, {});
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().text(), HasSubstr("198.18.9.77:5124: cannot listen"));
  EXPECT_THAT(open.error().hint, HasSubstr("an address of this machine"));
}

}  // namespace
}  // namespace anabranch::proxy
