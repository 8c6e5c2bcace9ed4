// SPDX-License-Identifier: MIT
#include "host/router_solicitor.hpp"

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;
using Step = RouterSolicitor::Step;

const MonotonicTime kNow(1h);

TEST(RouterSolicitor, AsksThreeTimesFourSecondsApartAndThenSaysThatItIsOver) {
  RouterSolicitor solicitor;
  EXPECT_EQ(solicitor.next_timer(), MonotonicTime::max());
  solicitor.start(kNow);
  for (int i = 0; i < 3; ++i) {
    const auto now = kNow + 4s * i;
    EXPECT_EQ(solicitor.next_timer(), now);
    EXPECT_EQ(solicitor.timer(now - 1ms), Step::kNothing);
    EXPECT_EQ(solicitor.timer(now), Step::kAsk);
  }
  EXPECT_EQ(solicitor.timer(kNow + 12s), Step::kOver);
  EXPECT_EQ(solicitor.timer(kNow + 60s), Step::kNothing);
}

TEST(RouterSolicitor, AnAnswerMakesFurtherQuestionsNeedlessButNotTheWait) {
  RouterSolicitor solicitor;
  solicitor.start(kNow);
  solicitor.timer(kNow);
  solicitor.heard();
  EXPECT_EQ(solicitor.timer(kNow + 3s), Step::kNothing) << "other domains answer on their own";
  EXPECT_EQ(solicitor.timer(kNow + 4s), Step::kOver);
}

TEST(RouterSolicitor, AfterTheLinksReturnItWaitsAMomentAndAsksWhateverItHearsBefore) {
  RouterSolicitor solicitor;
  solicitor.link_returned(kNow, 1700);
  EXPECT_EQ(solicitor.next_timer(), kNow + 700ms);
  solicitor.heard();
  EXPECT_EQ(solicitor.timer(kNow + 700ms), Step::kAsk);
}

}  // namespace
}  // namespace anabranch::host
