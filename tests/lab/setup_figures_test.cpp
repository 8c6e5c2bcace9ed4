// SPDX-License-Identifier: MIT
#include "lab/setup_figures.hpp"

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

constexpr SetupCase kNear{};
constexpr SetupCase kGreeted{.server_first = true};
constexpr nanoseconds kRtt = milliseconds(20);

/// A connection that began at 1 s.
Exchange exchange(nanoseconds request, nanoseconds reply, nanoseconds greeted = {}) {
  const std::int64_t begin = nanoseconds(seconds(1)).count();
  return {.syn_ns = begin,
          .greeted_ns = greeted.count() == 0 ? 0 : begin + greeted.count(),
          .request_ns = begin + request.count(),
          .reply_ns = begin + reply.count()};
}

TEST(SetupFigures, AWayIsJudgedAgainstTheMedianOfPlainTcp) {
  SetupFigures figures;
  figures.add(
      SetupWay::kDirect, kNear,
      {exchange(milliseconds(30), milliseconds(40)), exchange(milliseconds(30), milliseconds(40)),
       exchange(milliseconds(90), milliseconds(99))});
  figures.add(SetupWay::kSocks, kNear, {exchange(milliseconds(70), milliseconds(80))});
  EXPECT_DOUBLE_EQ(figures.request_added(SetupWay::kSocks, kNear, 0.5, kRtt), 2.0);
  EXPECT_DOUBLE_EQ(figures.first_octet_added(SetupWay::kSocks, kNear, 0.5, kRtt), 2.0);
  EXPECT_DOUBLE_EQ(figures.request_added(SetupWay::kDirect, kNear, 0.5, kRtt), 0.0);
  EXPECT_DOUBLE_EQ(figures.request_added(SetupWay::kDirect, kNear, 0.9, kRtt), 3.0);
}

TEST(SetupFigures, AWayMayBeFasterThanPlainTcp) {
  SetupFigures figures;
  figures.add(SetupWay::kDirect, kNear, {exchange(milliseconds(30), milliseconds(40))});
  figures.add(SetupWay::kConvert, kNear, {exchange(milliseconds(10), milliseconds(30))});
  EXPECT_DOUBLE_EQ(figures.request_added(SetupWay::kConvert, kNear, 0.5, kRtt), -1.0);
  EXPECT_DOUBLE_EQ(figures.first_octet_added(SetupWay::kConvert, kNear, 0.5, kRtt), -0.5);
}

TEST(SetupFigures, WhereTheServerSpeaksFirstItsGreetingIsTheFirstOctet) {
  SetupFigures figures;
  figures.add(SetupWay::kDirect, kGreeted,
              {exchange(milliseconds(30), milliseconds(40), milliseconds(20))});
  EXPECT_EQ(figures.first_octet(SetupWay::kDirect, kGreeted, 0.5), milliseconds(20));
  EXPECT_EQ(figures.count(SetupWay::kDirect, kGreeted), 1U);
  EXPECT_EQ(figures.count(SetupWay::kDirect, kNear), 0U);
}

TEST(SetupFigures, AWayThatWasNotMeasuredHasNoTimes) {
  const SetupFigures figures;
  EXPECT_EQ(figures.request(SetupWay::kSocks, kNear, 0.5), nanoseconds(0));
  EXPECT_EQ(figures.count(SetupWay::kSocks, kNear), 0U);
}

}  // namespace
}  // namespace anabranch::lab
