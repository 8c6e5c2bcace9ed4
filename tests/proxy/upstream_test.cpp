// SPDX-License-Identifier: MIT
#include "proxy/upstream.hpp"

#include <cerrno>

#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

using signalling::Verdict;

TEST(Upstream, ARefusalIsTheServersAndAnIcmpErrorIsTheNetworks) {
  EXPECT_EQ(outcome_of(0, {}).verdict, Verdict::kEstablished);
  EXPECT_EQ(outcome_of(ECONNREFUSED, {}).verdict, Verdict::kReset);
  // ICMP port unreachable makes ECONNREFUSED, too.
  const auto icmp = outcome_of(ECONNREFUSED, 3);
  EXPECT_EQ(icmp.verdict, Verdict::kUnreachable);
  EXPECT_EQ(icmp.icmp_code, 3);
  EXPECT_EQ(outcome_of(ETIMEDOUT, {}).verdict, Verdict::kNetworkFailure);
  EXPECT_EQ(outcome_of(ENETUNREACH, {}).verdict, Verdict::kNetworkFailure) << "no route of ours";
}

// Of MPTCP connections the kernel tells an error and no code.
TEST(Upstream, AnErrorImpliesTheIcmpCode) {
  EXPECT_EQ(implied_icmp_code(ENETUNREACH, Family::kIpv4), 0);
  EXPECT_EQ(implied_icmp_code(EHOSTUNREACH, Family::kIpv4), 1);
  EXPECT_EQ(implied_icmp_code(EHOSTUNREACH, Family::kIpv6), 3);
  EXPECT_EQ(implied_icmp_code(EACCES, Family::kIpv6), 1);
  for (const int error : {0, ECONNREFUSED, ECONNRESET, ETIMEDOUT, EACCES})
    EXPECT_FALSE(implied_icmp_code(error, Family::kIpv4)) << error;
}

TEST(Upstream, WhatWeLackIsNotTheServersFault) {
  for (const int error : {EADDRNOTAVAIL, EMFILE, ENOBUFS}) {
    EXPECT_EQ(outcome_of(error, {}).verdict, Verdict::kResourceExceeded);
    EXPECT_GT(outcome_of(error, {}).wait.count(), 0);
  }
}

}  // namespace
}  // namespace anabranch::proxy
