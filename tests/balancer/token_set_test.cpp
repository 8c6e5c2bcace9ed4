// SPDX-License-Identifier: MIT
// Sets of tokens, and what is new in what a server says of its own.
#include "balancer/token_set.hpp"

#include <algorithm>
#include <random>
#include <unordered_set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balancer/told_tokens.hpp"

namespace anabranch::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

constexpr std::size_t kPlenty = 1'000'000;

TEST(TokenSet, DoesWhatASetDoes) {
  std::minstd_rand random(1);
  TokenSet set;
  std::unordered_set<std::uint32_t> model;
  for (unsigned round = 0; round < 200'000; ++round) {
    // Few values, and more coming than going or the other way round: it grows, shrinks, collides.
    const auto token = static_cast<std::uint32_t>(random() % 5000) * (round % 2 == 0 ? 1 : 65'536);
    const bool grows = round / 20'000 % 2 == 0;
    if (random() % 3 != 0 ? grows : !grows)
      ASSERT_EQ(set.insert(token), model.insert(token).second);
    else
      ASSERT_EQ(set.erase(token), model.erase(token) == 1);
    ASSERT_EQ(set.size(), model.size());
    ASSERT_EQ(set.contains(token), model.contains(token));
  }
  EXPECT_THAT(set.values(), UnorderedElementsAreArray(model));
}

TEST(TokenSet, ZeroIsATokenLikeAnyOther) {
  TokenSet set;
  EXPECT_FALSE(set.contains(0));
  EXPECT_TRUE(set.insert(0));
  EXPECT_FALSE(set.insert(0));
  EXPECT_THAT(set.values(), ElementsAre(0));
  EXPECT_TRUE(set.erase(0));
  EXPECT_FALSE(set.erase(0));
  EXPECT_EQ(set.size(), 0u);
}

TEST(ToldTokens, OnlyWhatIsNewIsNews) {
  ToldTokens told;
  auto news = told.take({.learned = {1, 2, 2}}, kPlenty);
  EXPECT_THAT(news.learned, ElementsAre(1, 2));
  news = told.take({.learned = {2, 3}, .gone = {1, 9}}, kPlenty);
  EXPECT_THAT(news.learned, ElementsAre(3));
  EXPECT_THAT(news.gone, ElementsAre(1));
  EXPECT_EQ(told.size(), 2u);
}

TEST(ToldTokens, AfterAReconnectWhatIsNotToldAgainIsGone) {
  ToldTokens told;
  told.take({.learned = {1, 2, 3, 4}}, kPlenty);
  auto news = told.take({.begins = true, .learned = {2, 5}}, kPlenty);
  EXPECT_THAT(news.learned, ElementsAre(5));
  EXPECT_THAT(news.gone, IsEmpty()) << "the others may still come";
  news = told.take({.gone = {4}}, kPlenty);
  EXPECT_THAT(news.gone, ElementsAre(4));
  news = told.take({.ends = true, .learned = {3}}, kPlenty);
  EXPECT_THAT(news.learned, IsEmpty());
  EXPECT_THAT(news.gone, ElementsAre(1));
  EXPECT_EQ(told.size(), 3u);
}

TEST(ToldTokens, ATellingThatBrokeOffLosesNothing) {
  ToldTokens told;
  told.take({.learned = {1, 2, 3}}, kPlenty);
  told.take({.begins = true, .learned = {1}}, kPlenty);
  EXPECT_EQ(told.size(), 3u);
  const auto news = told.take({.begins = true, .ends = true, .learned = {2, 3}}, kPlenty);
  EXPECT_THAT(news.learned, IsEmpty());
  EXPECT_THAT(news.gone, UnorderedElementsAre(1));
}

TEST(ToldTokens, ThereIsAnEndToWhatIsKept) {
  ToldTokens told;
  auto news = told.take({.learned = {1, 2, 3}}, 2);
  EXPECT_THAT(news.learned, ElementsAre(1, 2));
  EXPECT_EQ(news.refused, 1u);
  // What is told again needs no more room.
  news = told.take({.begins = true, .ends = true, .learned = {2, 1}}, 2);
  EXPECT_THAT(news.gone, IsEmpty());
  EXPECT_EQ(news.refused, 0u);
}

}  // namespace
}  // namespace anabranch::balancer
