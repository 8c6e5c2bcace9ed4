// SPDX-License-Identifier: MIT
#include "paths/monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace anabranch::paths {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const WallTime kNow{std::chrono::duration_cast<WallTime::duration>(
    milliseconds(1'767'323'045'678))};  // 2026-01-02 03:04:05.678

kernel::MptcpEvent closed() {
  kernel::MptcpEvent out;
  out.type = kernel::MptcpEvent::Type::kSubflowClosed;
  out.token = 0x0d7282f7;
  out.local = {IpAddress::parse("10.1.0.2").value(), 4321};
  out.remote = {IpAddress::parse("198.18.0.1").value(), 5001};
  out.backup = true;
  out.error = 110;
  return out;
}

TEST(Monitor, TellsWhatTheKernelSays) {
  const auto text = monitor_json(input::Event{closed()}, kNow);
  ASSERT_TRUE(text);
  EXPECT_EQ(json::parse(*text), (json{{"time", "2026-01-02T03:04:05.678Z"},
                                      {"what", "subflow-closed"},
                                      {"token", "0x0d7282f7"},
                                      {"local", "10.1.0.2:4321"},
                                      {"remote", "198.18.0.1:5001"},
                                      {"backup", true},
                                      {"error", 110}}));
  EXPECT_EQ(monitor_text(*text),
            "2026-01-02T03:04:05.678Z subflow-closed      0x0d7282f7 10.1.0.2:4321 > "
            "198.18.0.1:5001 backup error=110");
}

TEST(Monitor, TellsWhatIsDoneAndWhy) {
  const Action action{7, "silent", action::RemoveAddress{0x0d7282f7, 3}};
  const auto text = monitor_json(action, kNow);
  EXPECT_EQ(json::parse(text).at("what"), "remove-address");
  EXPECT_EQ(json::parse(text).at("action"), 7);
  EXPECT_THAT(monitor_text(text), HasSubstr("0x0d7282f7 action=7 id=3 reason=silent"));
  const Action note{8, "path-failed", action::Note{0, "path-failed", "10.2.0.2 is silent"}};
  EXPECT_THAT(monitor_text(monitor_json(note, kNow)), HasSubstr(" 10.2.0.2 is silent action=8"));
}

TEST(Monitor, TellsPathsAlsoWhenThereAreNone) {
  const input::Paths paths{
      {{IpAddress::parse("10.1.0.2").value(), "eth0", 2, {}, true, ""},
       {IpAddress::parse("10.2.0.2").value(), "wwan0", 3, {}, false, "link-down"}}};
  EXPECT_THAT(monitor_text(*monitor_json(paths, kNow)),
              HasSubstr("10.1.0.2 (eth0), 10.2.0.2 (wwan0, link-down)"));
  EXPECT_THAT(monitor_text(*monitor_json(input::Paths{}, kNow)), HasSubstr("none"));
}

TEST(Monitor, TellsFailuresByTheNumberOfTheirAction) {
  const auto text = monitor_json(input::Failed{7, 99, "no such address"}, kNow);
  EXPECT_THAT(monitor_text(*text), HasSubstr("failed"));
  EXPECT_THAT(monitor_text(*text), HasSubstr("action=7 error=99 why=no such address"));
}

TEST(Monitor, FiguresAreNoNews) {
  EXPECT_FALSE(monitor_json(input::Sample{}, kNow));
  EXPECT_FALSE(monitor_json(input::Tick{}, kNow));
  EXPECT_FALSE(monitor_json(input::Counters{}, kNow));
}

TEST(Monitor, WhatIsNoEventIsNoLine) {
  for (const char* text : {"", "{}", "[]", "1", R"({"what":1})", R"({"what":"x","time":2})"})
    EXPECT_EQ(monitor_text(text), "") << text;
}

}  // namespace
}  // namespace anabranch::paths
