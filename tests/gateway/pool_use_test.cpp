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

TEST(PoolUse, OfDhcpv6IsReadFromItsOwnFigures) {
  const auto reply = nlohmann::json::parse(R"({"result": 0, "arguments": {
    "subnet[1].total-nas": [[65536, "2026-01-02 03:04:05.1"]],
    "subnet[1].assigned-nas": [[3, "2026-01-02 03:04:05.1"]],
    "subnet[1].declined-addresses": [[1, "2026-01-02 03:04:05.1"]],
    "subnet[1].total-pds": [[256, "2026-01-02 03:04:05.1"]],
    "subnet[1].assigned-pds": [[2, "2026-01-02 03:04:05.1"]],
    "subnet[2].total-nas": [[16, "2026-01-02 03:04:05.1"]],
    "subnet[2].total-pds": [[0, "2026-01-02 03:04:05.1"]]}})");
  EXPECT_EQ(parse_pool_uses(reply), (PoolUses{{1, {65536, 3, 1}}, {2, {16, 0, 0}}}));
  EXPECT_EQ(parse_prefix_uses(reply), (PoolUses{{1, {256, 2, 0}}})) << "path 2 delegates nothing";
}

TEST(PoolUse, APoolMayHaveMoreThanKeaCanCount) {
  const auto size = [](const char* number) {
    const auto text =
        R"({"arguments": {"subnet[1].total-nas": [[)" + std::string(number) + R"(, "2026"]]}})";
    return parse_pool_uses(nlohmann::json::parse(text)).at(1).size;
  };
  EXPECT_EQ(size("-2"), std::uint64_t{0} - 2)
      << "as Kea 2.2 says it of ::2 to ::ffff:ffff:ffff:ffff";
  EXPECT_EQ(size("18446744073709551614"), std::uint64_t{0} - 2);
  EXPECT_EQ(size("1208925819614629174706176"), std::uint64_t{0} - 1);
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
