// SPDX-License-Identifier: MIT
// Who had a place of the ring before, and for how long that is remembered.
#include "balancer/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <steering/hash.h>

#include "balancer/maglev.hpp"
#include "balancer/told_history.hpp"

namespace anabranch::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wire::OwnerRun;

using Ring = std::vector<std::uint16_t>;

const Endpoint kService{*IpAddress::parse("198.51.100.10"), 443};
const MonotonicTime kStart{std::chrono::hours(5)};

OwnerRun run(std::uint32_t place, std::uint32_t count, unsigned owner, unsigned previous,
             unsigned age = 0) {
  return {.place = place,
          .count = count,
          .owner = static_cast<std::uint16_t>(owner),
          .previous = static_cast<std::uint16_t>(previous),
          .age = age};
}

TEST(OwnerHistory, TheWholeRingIsWhatTheChannelCanTell) {
  EXPECT_EQ(wire::kControlPlaces, STEER_RING_PLACES);
}

TEST(OwnerHistory, AtFirstNobodyKnowsOfFormerOwners) {
  OwnerHistory history;
  EXPECT_THAT(history.take(kService, Ring{1, 2, 1, 2}, kStart), IsEmpty());
  EXPECT_THAT(history.whole(kService, kStart).runs, IsEmpty());
}

TEST(OwnerHistory, PlacesThatMoveHaveAPreviousOwner) {
  OwnerHistory history;
  history.take(kService, Ring{1, 2, 3, 3, 1}, kStart);
  EXPECT_THAT(history.take(kService, Ring{1, 2, 1, 1, 2}, kStart + seconds(10)),
              ElementsAre(run(2, 2, 1, 3), run(4, 1, 2, 1)));
  EXPECT_THAT(history.take(kService, Ring{1, 2, 1, 1, 2}, kStart + seconds(11)), IsEmpty())
      << "nothing has changed";
  EXPECT_THAT(history.whole(kService, kStart + seconds(12)).runs,
              ElementsAre(run(2, 2, 1, 3, 2000), run(4, 1, 2, 1, 2000)));
}

TEST(OwnerHistory, ChangesAreForgottenAfterFourMinutes) {
  OwnerHistory history;
  history.take(kService, Ring{1, 1, 1}, kStart);
  history.take(kService, Ring{2, 1, 1}, kStart);
  history.take(kService, Ring{2, 2, 1}, kStart + seconds(100));
  EXPECT_THAT(history.whole(kService, kStart + milliseconds(239'999)).runs,
              ElementsAre(run(0, 1, 2, 1, 239'999), run(1, 1, 2, 1, 139'999)));
  EXPECT_THAT(history.whole(kService, kStart + seconds(240)).runs,
              ElementsAre(run(1, 1, 2, 1, 140'000)));
  EXPECT_THAT(history.take(kService, Ring{2, 2, 2}, kStart + seconds(1000)),
              ElementsAre(run(2, 1, 2, 1)));
  EXPECT_THAT(history.whole(kService, kStart + seconds(1000)).runs, ElementsAre(run(2, 1, 2, 1)));
}

TEST(OwnerHistory, OfAServerThatWentBackAndForthThePreviousOwnerIsTheLastOtherOne) {
  OwnerHistory history;
  history.take(kService, Ring{1}, kStart);
  EXPECT_THAT(history.take(kService, Ring{2}, kStart), ElementsAre(run(0, 1, 2, 1)));
  EXPECT_THAT(history.take(kService, Ring{1}, kStart + seconds(1)), ElementsAre(run(0, 1, 1, 2)));
  EXPECT_THAT(history.take(kService, Ring{2}, kStart + seconds(2)), ElementsAre(run(0, 1, 2, 1)));
}

TEST(OwnerHistory, APlaceThatWasNobodysStillHasItsPreviousOwner) {
  OwnerHistory history;
  history.take(kService, Ring{1, 1}, kStart);
  EXPECT_THAT(history.take(kService, Ring{0, 0}, kStart), ElementsAre(run(0, 2, 0, 1)));
  EXPECT_THAT(history.take(kService, Ring{2, 1}, kStart + seconds(3)),
              ElementsAre(run(0, 1, 2, 1), run(1, 1, 1, 0)))
      << "the second is back where it was";
  EXPECT_THAT(history.whole(kService, kStart + seconds(4)).runs,
              ElementsAre(run(0, 1, 2, 1, 1000)));
}

TEST(OwnerHistory, IsFullOnceTheRingHasBeenKnownLongEnough) {
  OwnerHistory history;
  history.take(kService, Ring{1, 2}, kStart);
  EXPECT_FALSE(history.whole(kService, kStart + seconds(239)).full)
      << "a balancer that has just come knows nothing of what was";
  EXPECT_TRUE(history.whole(kService, kStart + seconds(240)).full);
  history.remove(kService);
  EXPECT_FALSE(history.whole(kService, kStart + seconds(1000)).full);
  EXPECT_THAT(history.services(), IsEmpty());
}

TEST(OwnerHistory, AServerThatLeavesARingGivesItsPlacesToTheOthers) {
  OwnerHistory history;
  const std::vector<RingServer> four{{1, 1}, {2, 1}, {3, 1}, {4, 1}};
  const auto before = maglev_ring(four, STEER_RING_PLACES);
  const auto after = maglev_ring(std::span(four).first(3), STEER_RING_PLACES);
  history.take(kService, before, kStart);
  const wire::ControlHistory changes{.service = kService,
                                     .runs = history.take(kService, after, kStart)};
  std::size_t of_leaver = 0;
  std::size_t all = 0;
  for (const auto& change : changes.runs) {
    all += change.count;
    if (change.previous == 4) of_leaver += change.count;
    for (auto place = change.place; place < change.place + change.count; ++place) {
      ASSERT_EQ(change.owner, after.at(place));
      ASSERT_EQ(change.previous, before.at(place));
    }
  }
  EXPECT_NEAR(static_cast<double>(of_leaver), STEER_RING_PLACES / 4.0, 100);
  EXPECT_LT(all, of_leaver * 3 / 2) << "little else moves";
  EXPECT_EQ(wire::encode(changes).size(), 1u) << "one frame tells it";
}

wire::ControlHistory saying(std::vector<OwnerRun> runs, bool full = false) {
  return {.service = kService, .full = full, .runs = std::move(runs)};
}

TEST(ToldHistory, KeepsWhatWasToldOfEachPlace) {
  ToldHistory told(1);
  told.take(saying({run(2, 2, 1, 3, 5'900), run(9, 1, 2, 3)}), 100);
  EXPECT_EQ(told.places()[1], ToldHistory::Place());
  EXPECT_EQ(told.places()[2], (ToldHistory::Place{.owner = 1, .previous = 3, .changed = 95}));
  EXPECT_EQ(told.places()[3], told.places()[2]);
  EXPECT_EQ(told.places()[9], (ToldHistory::Place{.owner = 2, .previous = 3, .changed = 100}));
  told.take(saying({run(2, 1, 1, 0)}), 110);
  EXPECT_EQ(told.places()[2].previous, 0);
  EXPECT_EQ(told.places()[3].previous, 3) << "what is not named stays";
  told.take(saying({}, true), 400);
  EXPECT_EQ(told.places()[3], ToldHistory::Place()) << "unless everything was told";
}

TEST(ToldHistory, OfTwoBalancersTheYoungerChangeHolds) {
  ToldHistory told(1);
  told.take(saying({run(0, 1, 1, 3)}), 100);
  told.take(saying({run(0, 1, 1, 2, 50'000)}), 101);
  EXPECT_EQ(told.places()[0].previous, 3);
  told.take(saying({run(0, 1, 1, 4)}), 102);
  EXPECT_EQ(told.places()[0].previous, 4);
}

TEST(ToldHistory, AServerThatLosesAPlaceStillKnowsWhoHadItBefore) {
  ToldHistory told(2);
  told.take(saying({run(0, 1, 2, 1)}), 100);
  told.take(saying({run(0, 1, 3, 2)}), 110);
  EXPECT_EQ(told.places()[0], (ToldHistory::Place{.owner = 2, .previous = 1, .changed = 100}))
      << "3 passes on to 2 what 2 may have to pass on to 1";
}

TEST(ToldHistory, APlaceThatComesBackIsNoCircle) {
  ToldHistory first(1), second(2);
  for (auto* told : {&first, &second}) {
    told->take(saying({run(0, 1, 2, 1)}), 100);
    told->take(saying({run(0, 1, 1, 2)}), 110);
  }
  const ToldHistory::Place back{.owner = 1, .previous = 2, .changed = 110};
  EXPECT_EQ(first.places()[0], back);
  EXPECT_EQ(second.places()[0], back) << "2 resets what 1 passes on and it does not have";
}

}  // namespace
}  // namespace anabranch::balancer
