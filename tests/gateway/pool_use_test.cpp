// SPDX-License-Identifier: MIT
#include "gateway/pool_use.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace anabranch::gateway {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1)};

TEST(PoolUse, IsReadFromKeasStatistics) {
  const auto reply = nlohmann::json::parse(R"({"result": 0, "arguments": {
    "pkt4-received": [[7, "2026-01-02 03:04:05.1"]],
    "subnet[1].total-addresses": [[200, "2026-01-02 03:04:05.1"]],
    "subnet[1].assigned-addresses": [[12, "2026-01-02 03:04:06.1"], [11, "2026-01-02 03:04:05.1"]],
    "subnet[1].declined-addresses": [[1, "2026-01-02 03:04:05.1"]],
    "subnet[65].total-addresses": [[0, "2026-01-02 03:04:05.1"]],
    "subnet[x].total-addresses": [[9, "2026-01-02 03:04:05.1"]]}})");
  EXPECT_EQ(parse_pool_uses(reply), (PoolUses{{1, {200, 12, 1}}}));
}

TEST(PoolUse, AnAnswerOfAnotherKindHasNone) {
  EXPECT_TRUE(parse_pool_uses(nlohmann::json::parse(R"({"result": 1, "text": "no"})")).empty());
  EXPECT_TRUE(parse_pool_uses(nlohmann::json::parse(R"({"arguments": []})")).empty());
  EXPECT_TRUE(
      parse_pool_uses(nlohmann::json::parse(R"({"arguments": {"subnet[1].total-addresses": []}})"))
          .at(1)
          .size == 0);
}

TEST(PoolWatch, TellsOnceThatAPoolIsFullAndOnceThatItHasRoom) {
  PoolWatch watch;
  EXPECT_TRUE(watch.update({{1, {200, 199, 0}}, {2, {10, 0, 0}}}, kStart).empty());
  const auto full = watch.update({{1, {200, 200, 0}}, {2, {10, 0, 0}}}, kStart);
  ASSERT_EQ(full.size(), 1u);
  EXPECT_EQ(full[0].index, 1u);
  EXPECT_TRUE(full[0].full);
  EXPECT_TRUE(watch.any_full());
  EXPECT_TRUE(watch.update({{1, {200, 200, 0}}}, kStart).empty());
  EXPECT_TRUE(watch.update({{1, {200, 199, 0}}}, kStart).empty()) << "not for a single address";
  const auto room = watch.update({{1, {200, 196, 0}}}, kStart);
  ASSERT_EQ(room.size(), 1u);
  EXPECT_FALSE(room[0].full);
  EXPECT_FALSE(watch.any_full());
}

TEST(PoolWatch, AFlappingPoolIsToldFullOnceAMinute) {
  PoolWatch watch;
  const PoolUses full{{1, {10, 10, 0}}};
  const PoolUses room{{1, {10, 9, 0}}};
  EXPECT_EQ(watch.update(full, kStart).size(), 1u);
  EXPECT_EQ(watch.update(room, kStart + seconds(1)).size(), 1u);
  EXPECT_EQ(watch.update(full, kStart + seconds(2)).size(), 0u);
  EXPECT_EQ(watch.update(room, kStart + seconds(3)).size(), 0u);
  EXPECT_EQ(watch.update(full, kStart + seconds(61)).size(), 1u);
}

TEST(PoolWatch, ForgetsPathsThatAreGone) {
  PoolWatch watch;
  watch.update({{1, {10, 10, 0}}}, kStart);
  watch.update({}, kStart);
  EXPECT_FALSE(watch.any_full());
}

}  // namespace
}  // namespace anabranch::gateway
