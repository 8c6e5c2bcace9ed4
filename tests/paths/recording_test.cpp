// SPDX-License-Identifier: MIT
#include "paths/recording.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "paths/codec.hpp"

namespace anabranch::paths {
namespace {

using ::testing::HasSubstr;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

const Endpoint kHere{address("10.1.0.2"), 43210};
const Endpoint kThere{address("198.18.0.1"), 5001};
const Endpoint kHere6{address("2001:db8::2"), 1};
const Endpoint kThere6{address("2001:db8::1"), 65535};

kernel::ConnectionInfo connection() {
  kernel::ConnectionInfo out;
  out.token = 0x9d7282f7;
  out.local = kHere;
  out.remote = kThere;
  out.state = 1;
  out.uid = 1000;
  out.cgroup = ~std::uint64_t{0};
  out.ifindex = 3;
  out.fallback = true;
  out.extra_subflows = 2;
  out.announced = 3;
  out.accepted_announced = 4;
  out.written = ~std::uint64_t{0} - 1;
  out.unacknowledged = 5;
  out.received_next = 6;
  out.octets_sent = 7;
  out.octets_received = 8;
  out.octets_acknowledged = 9;
  out.octets_retransmitted = 10;
  return out;
}

kernel::SubflowDiag subflow() {
  kernel::SubflowDiag out;
  out.token = 0x9d7282f7;
  out.local = kHere6;
  out.remote = kThere6;
  out.ifindex = 4;
  out.local_id = 5;
  out.remote_id = 6;
  out.state = 1;
  out.initial = true;
  out.backup = true;
  out.requested_backup = true;
  out.congestion_state = 4;
  out.backoff = 7;
  out.congestion_window = 10;
  out.segment = 1448;
  out.unacknowledged = 11;
  out.unsent = 12;
  out.retransmissions = 13;
  out.octets_sent = 14;
  out.octets_acknowledged = 15;
  out.octets_received = 16;
  out.octets_retransmitted = 17;
  out.rtt = nanoseconds(10'123'456);
  out.rtt_variance = nanoseconds(18);
  out.minimum_rtt = nanoseconds(19);
  out.receiver_rtt = nanoseconds(20);
  out.since_ack = nanoseconds(21);
  out.since_data_received = nanoseconds(22);
  out.since_data_sent = nanoseconds(23);
  out.pacing_rate = {0.1};
  out.delivery_rate = {1e20 / 3};
  out.send_buffer = 24;
  out.receive_buffer = 25;
  return out;
}

std::vector<Input> every_input() {
  kernel::MptcpEvent event;
  event.type = kernel::MptcpEvent::Type::kSubflowClosed;
  event.token = 0xffffffff;
  event.local = kHere6;
  event.remote = kThere6;
  event.local_id = 255;
  event.remote_id = 1;
  event.server_side = event.deny_join_id0 = event.backup = true;
  event.error = 110;
  event.ifindex = 3;
  event.reset_reason = 0;
  event.reset_transient = true;
  std::vector<Input> out;
  out.push_back(
      input::Paths{{{address("10.1.0.2"), "eth0", 2, address("10.1.0.1"), true, ""},
                    {address("2001:db8::2"), "wwan \"0\"", 3, std::nullopt, false, "link-down"}}});
  out.push_back(input::Paths{});
  out.push_back(input::Event{event});
  out.push_back(input::Event{});
  out.push_back(input::Owner{1, 1000, "/user.slice/ä\n"});
  out.push_back(input::Sample{connection(), {subflow(), {}}});
  out.push_back(input::Adopted{
      connection(), {subflow()}, {{7, kThere6, true}}, {{3, kHere6, true}}, true, true, true});
  out.push_back(input::Gone{2});
  out.push_back(input::Probed{~std::uint64_t{0}, true, nanoseconds(1)});
  out.push_back(input::Measured{3, 6, nanoseconds(2), BitRate{49'999'999.5}});
  out.push_back(input::Failed{4, 99, "Cannot assign requested address", 5});
  out.push_back(input::Listening{kHere6, true});
  out.push_back(input::Counters{5, 6});
  out.push_back(input::Limits{true, 8388608});
  out.push_back(input::Limits{});
  out.push_back(input::Tick{});
  return out;
}

std::vector<Action> every_action() {
  const SubflowKey key{kHere, kThere};
  return {
      {1, "join", action::CreateSubflow{1, 2, address("10.2.0.2"), 4, kThere, true}},
      {2, "silent", action::DestroySubflow{1, key}},
      {2, "twice", action::ResetSubflow{1, key, 4}},
      {2, "path-failed", action::AbandonJoin{1, address("10.2.0.2"), kThere}},
      {3, "silent", action::RemoveAddress{1, 0}},
      {4, "slow", action::SetBackup{1, key, true}},
      {5, "new-path", action::Announce{1, 9, {address("2001:db8::9"), 0}, 4}},
      {6, "announce", action::AskListening{kHere}},
      {7, "announce", action::OpenListener{kHere}},
      {8, "announce", action::CloseListener{kHere}},
      {9, "silent", action::Probe{10, address("10.2.0.2"), 4, kThere, milliseconds(700), true}},
      {11, "idle", action::Measure{12, address("10.2.0.2"), 4, kThere}},
      {13, "failed", action::PreferPath{Family::kIpv6, address("2001:db8::2")}},
      {14, "failed", action::PreferPath{Family::kIpv4, std::nullopt}},
      {15, "slow", action::LimitSubflows{kHere.address, {address("10.3.0.2"), kHere6.address}}},
      {16, "", action::Note{0, "path-failed", "10.2.0.2 (wlan0) is silent"}},
  };
}

TEST(Recording, EveryInputComesBackExactly) {
  std::set<std::string_view> kinds;
  for (const auto& input : every_input()) {
    const auto text = encode(input).dump();
    const auto again = decode_input(nlohmann::json::parse(text));
    ASSERT_TRUE(again) << text << again.error().text();
    EXPECT_EQ(again->index(), input.index());
    EXPECT_EQ(encode(*again).dump(), text);
    kinds.insert(input_name(input));
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Input>);
}

TEST(Recording, EveryActionComesBackExactly) {
  std::set<std::string_view> kinds;
  for (const auto& action : every_action()) {
    const auto text = encode(action).dump();
    const auto again = decode_action(nlohmann::json::parse(text));
    ASSERT_TRUE(again) << text << again.error().text();
    EXPECT_EQ(again->number, action.number);
    EXPECT_EQ(encode(*again).dump(), text);
    kinds.insert(action_name(action));
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<decltype(Action::what)>);
}

// Encoding twice proves nothing about a member that is forgotten in both directions.
TEST(Recording, NoMemberOfASampleIsForgotten) {
  const auto json = encode(input::Sample{connection(), {subflow()}}).at("sample");
  EXPECT_EQ(json.at("connection").size(), 18u);
  EXPECT_EQ(json.at("subflows").at(0).size(), 32u);
  const auto input = decode_input({{"sample", json}});
  ASSERT_TRUE(input);
  const auto& sample = std::get<input::Sample>(*input);
  EXPECT_EQ(sample.connection.written, ~std::uint64_t{0} - 1);
  EXPECT_EQ(sample.connection.cgroup, ~std::uint64_t{0});
  const auto& flow = sample.subflows.at(0);
  EXPECT_EQ(flow.local, kHere6);
  EXPECT_EQ(flow.rtt, nanoseconds(10'123'456));
  EXPECT_EQ(flow.delivery_rate.bits_per_second, 1e20 / 3);
  EXPECT_EQ(flow.pacing_rate.bits_per_second, 0.1);
}

TEST(Recording, AnEventComesBackAsItWas) {
  for (const auto& input : every_input()) {
    const auto* event = std::get_if<input::Event>(&input);
    if (event == nullptr) continue;
    EXPECT_EQ(std::get<input::Event>(*decode_input(encode(input))).event, event->event);
  }
}

TEST(Recording, RootIsNotAnUnknownUser) {
  for (const auto uid : {std::optional<std::uint32_t>(0), std::optional<std::uint32_t>()}) {
    const auto owner = decode_input(encode(input::Owner{1, uid, "/"}));
    ASSERT_TRUE(owner);
    EXPECT_EQ(std::get<input::Owner>(*owner).uid, uid);
    input::Sample sample;
    sample.connection.uid = uid;
    const auto again = decode_input(encode(sample));
    ASSERT_TRUE(again);
    EXPECT_EQ(std::get<input::Sample>(*again).connection.uid, uid);
  }
}

TEST(Recording, APathThatIsNotUsableStaysSo) {
  const auto input = decode_input(encode(every_input().front()));
  ASSERT_TRUE(input);
  EXPECT_EQ(std::get<input::Paths>(*input).paths,
            std::get<input::Paths>(every_input().front()).paths);
}

TEST(Recording, SettingsComeBack) {
  const auto settings = parse_settings(R"(
[subflows]
limit = 3
[announce]
when = "always"
[[rule]]
name = "a"
to = ["10.0.0.0/8"]
ports = ["80-90"]
uids = ["7"]
cgroups = ["/x"]
interfaces = ["eth*"]
backup = false
subflows = 0
)",
                                       "p.toml");
  ASSERT_TRUE(settings);
  const auto json = encode(*settings);
  const auto again = decode_settings(json);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(encode(*again), json);
  EXPECT_EQ(again->announce, AnnounceMode::kAlways);
  EXPECT_EQ(again->rules.at(0).backup, false) << "not the same as no word about it";
  EXPECT_EQ(again->rules.at(0).subflows, 0u);
  EXPECT_EQ(again->rules.at(0).match.ports.at(0).last, 90);
  EXPECT_TRUE(again->prefer_route);
}

TEST(Recording, TextThatIsNoUtf8DoesNotEndTheDaemon) {
  const auto line = recording_line(input::Owner{1, 2, "/\xff\xfe"}, MonotonicTime(seconds(1)), {});
  EXPECT_THAT(line, HasSubstr("\xef\xbf\xbd"));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(Recording, WhatNoKernelSaysIsRefused) {
  const char* wrong[] = {
      "1",
      "{}",
      "[]",
      R"({"tick":{},"gone":{}})",
      R"({"tack":{}})",
      R"({"tick":[]})",
      R"({"tick":{"x":1}})",
      R"({"gone":{"token":-1}})",
      R"({"gone":{"token":4294967296}})",
      R"({"gone":{"token":1.0}})",
      R"({"gone":{"token":"1"}})",
      R"({"event":{"type":"opened"}})",
      R"({"event":{"local":"10.0.0.1"}})",
      R"({"event":{"local":"10.0.0.1:65536"}})",
      R"({"event":{"local":"[10.0.0.1]:1"}})",
      R"({"event":{"local":"::1:1"}})",
      R"({"event":{"local":":1"}})",
      R"({"event":{"local_id":256}})",
      R"({"event":{"server_side":1}})",
      R"({"probed":{"rtt":9223372036854775807}})",
      R"({"measured":{"rate":1e300}})",
      R"({"measured":{"rate":"fast"}})",
      R"({"paths":{"paths":{}}})",
      R"({"paths":{"paths":[{"address":"example.org"}]}})",
  };
  for (const auto* text : wrong) EXPECT_FALSE(decode_input(nlohmann::json::parse(text))) << text;
}

/// Says the number of inputs it has had, and fails to at one of them.
struct Counting {
  int seen = 0;
  int changes_at = 0;
  std::vector<Action> operator()(const Input&, MonotonicTime now) {
    ++seen;
    if (seen == changes_at) return {};
    return {{static_cast<std::uint64_t>(seen), "count",
             action::Note{0, "time", std::to_string(now.time_since_epoch().count())}}};
  }
};

std::string recording_of(int inputs, milliseconds begin = milliseconds(1000)) {
  std::string out = recording_header(default_settings());
  Counting decide;
  for (int i = 0; i < inputs; ++i) {
    const MonotonicTime now(begin + milliseconds(i));
    out += recording_line(input::Tick{}, now, decide(input::Tick{}, now));
  }
  return out;
}

Result<Replay> replay_text(const std::string& text, int changes_at = 0) {
  std::istringstream in(text);
  return replay(in, "r.jsonl",
                [&](const Settings&) -> Decide { return Counting{.changes_at = changes_at}; });
}

TEST(Replay, TheSameDecisionsAreNoDifference) {
  const auto result = replay_text(recording_of(3));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->inputs, 3u);
  EXPECT_EQ(result->actions, 3u);
  EXPECT_EQ(result->span, milliseconds(2));
  EXPECT_FALSE(result->difference);
}

TEST(Replay, TheFirstDifferenceIsToldWithItsLine) {
  const auto result = replay_text(recording_of(3), 2);
  ASSERT_TRUE(result);
  ASSERT_TRUE(result->difference);
  EXPECT_EQ(result->difference->line, 3u);
  EXPECT_THAT(result->difference->expected, HasSubstr("1001000000"));
  EXPECT_EQ(result->difference->got, "");
  EXPECT_EQ(result->inputs, 2u);
}

TEST(Replay, TheDeciderGetsTheSettingsOfTheRecording) {
  Settings settings = default_settings();
  settings.subflows = 5;
  std::istringstream in(recording_header(settings));
  unsigned got = 0;
  const auto result = replay(in, "r", [&](const Settings& given) -> Decide {
    got = given.subflows;
    return Counting{};
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(got, 5u);
}

TEST(Replay, AfterAChangeOfTheSettingsAFreshDeciderGoesOn) {
  const auto result = replay_text(recording_of(3) + recording_of(3, seconds(2)), 4);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->inputs, 6u);
  EXPECT_FALSE(result->difference) << "none of the two has had four inputs";
}

TEST(Replay, ALineThatACrashHasCutIsLeftOut) {
  auto text = recording_of(3);
  text.resize(text.size() - 20);
  const auto result = replay_text(text);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->inputs, 2u);
}

TEST(Replay, WhatIsNoRecordingIsRefusedWithItsPlace) {
  const auto good = recording_of(1);
  const auto header = recording_header(default_settings());
  const std::pair<std::string, const char*> rows[] = {
      {"", "r.jsonl:1"},
      {"{}\n", "r.jsonl:1"},
      {"{\"anabranch_recording\":1}\n", "another format"},
      {"{\"anabranch_recording\":3,\"version\":\"x\",\"settings\":{}}\n", "intervals"},
      {good + "{\n", "r.jsonl:3"},
      {good + recording_line(input::Tick{}, MonotonicTime(seconds(0)), {}), "backwards"},
      {header + "{\"time\":-1,\"input\":{\"tick\":{}},\"actions\":[]}\n", "out of bounds"},
      {header + "{\"time\":1,\"input\":{\"tick\":{}},\"actions\":[{}]}\n", "r.jsonl:2"},
      {header + std::string(5u << 20, '[') + "\n", "too long"},
  };
  for (const auto& [text, said] : rows) {
    const auto result = replay_text(text);
    ASSERT_FALSE(result) << said;
    EXPECT_THAT(result.error().text(), HasSubstr(said));
    EXPECT_EQ(result.error().code, ExitCode::kBadInput);
  }
}

TEST(Recorder, WritesWhatCanBeReplayed) {
  const auto file = std::filesystem::path(testing::TempDir()) / "recorder_test.jsonl";
  {
    auto recorder = Recorder::open(file, default_settings());
    ASSERT_TRUE(recorder);
    Counting decide;
    for (const auto& input : every_input()) {
      const MonotonicTime now(seconds(5));
      recorder->write(input, now, decide(input, now));
    }
  }
  struct ::stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u) << "it tells who talks to whom";
  std::ifstream in(file);
  const auto result = replay(in, "r", [](const Settings&) -> Decide { return Counting{}; });
  std::filesystem::remove(file);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->inputs, every_input().size());
  EXPECT_FALSE(result->difference);
}

TEST(Recorder, AFullDiskEndsTheRecordingAndNothingElse) {
  auto recorder = Recorder::open("/dev/full", default_settings());
  ASSERT_TRUE(recorder);
  recorder->write(input::Tick{}, MonotonicTime(seconds(1)), {});
}

}  // namespace
}  // namespace anabranch::paths
