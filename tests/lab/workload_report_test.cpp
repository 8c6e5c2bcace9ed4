// SPDX-License-Identifier: MIT
// The parts of the workload that need no network: report lines, arguments, payload, subflow record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/payload.hpp"
#include "lab/subflow_record.hpp"
#include "lab/workload.hpp"

namespace anabranch::lab {
namespace {

using testing::ElementsAre;

const IpAddress kHost = IpAddress::parse("10.1.0.2").value();
const IpAddress kServer = IpAddress::parse("2001:db8::1").value();

/// What comes back from the text is what went in: seen by writing it once more.
void expect_round_trip(const WorkloadEvent& event) {
  const auto line = format_workload_event(event);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto parsed = parse_workload_event(line);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->index(), event.index());
  EXPECT_EQ(format_workload_event(*parsed), line);
}

TEST(WorkloadReport, EveryEventSurvivesTheLine) {
  const std::vector<SubflowSample> subflows = {{.local = kHost,
                                                .local_port = 40000,
                                                .remote = kServer,
                                                .remote_port = 5001,
                                                .octets = 1ULL << 40,
                                                .rtt_ms = 12.5}};
  expect_round_trip(event::Listening{});
  expect_round_trip(event::Connected{.mptcp = true, .setup_ms = 40.25});
  expect_round_trip(event::Sample{.at_ns = 123456789012, .octets = 7, .subflows = subflows});
  expect_round_trip(event::Gap{.start_ns = 5, .length_ns = 20'000'000});
  expect_round_trip(event::Done{.mptcp = true,
                                .octets = 9,
                                .first_ns = 1,
                                .last_ns = 2,
                                .sha256 = "ab",
                                .subflows = subflows});
  expect_round_trip(event::Failed{"connect to 10.0.0.1: \"refused\"\n  hint: none"});
}

TEST(WorkloadReport, ValuesAreReadBack) {
  const auto parsed = parse_workload_event(
      R"({"event":"sample","at_ns":5,"octets":6,"subflows":[{"local":"10.1.0.2","local_port":1,)"
      R"("remote":"10.9.0.1","remote_port":5001,"octets":4,"rtt_ms":1.5}]})");
  const auto& sample = std::get<event::Sample>(parsed.value());
  EXPECT_EQ(sample.octets, 6U);
  EXPECT_EQ(sample.subflows.at(0).local, kHost);
  EXPECT_EQ(sample.subflows.at(0).rtt_ms, 1.5);
}

TEST(WorkloadReport, OtherLinesAreErrors) {
  EXPECT_FALSE(parse_workload_event(""));
  EXPECT_FALSE(parse_workload_event("listening"));
  EXPECT_FALSE(parse_workload_event(R"({"event":"sleeping"})"));
  EXPECT_FALSE(parse_workload_event(R"({"event":"gap","start_ns":1})"));
  EXPECT_FALSE(parse_workload_event(R"({"event":"sample","at_ns":"x","octets":1,"subflows":[]})"));
}

TEST(WorkloadArguments, SayWhatTheOptionsSay) {
  WorkloadOptions options;
  options.send = true;
  options.remote = kHost;
  options.duration = milliseconds(1500);
  EXPECT_THAT(
      workload_arguments(options),
      ElementsAre("--connect", "10.1.0.2", "--send", "--port", "5001", "--seconds", "1.500000000",
                  "--sample-ms", "100", "--congestion", "cubic", "--seed", "1"));
  WorkloadOptions listening;
  listening.listen = true;
  listening.mptcp = false;
  listening.bind = kServer;
  listening.octets = 10;
  EXPECT_THAT(
      workload_arguments(listening),
      ElementsAre("--listen", "--receive", "--tcp", "--bind", "2001:db8::1", "--port", "5001",
                  "--octets", "10", "--sample-ms", "100", "--congestion", "cubic", "--seed", "1"));
}

std::string hash_in_pieces(std::uint64_t seed, std::size_t total, std::size_t piece) {
  PayloadStream stream(seed);
  Sha256 hash;
  while (total > 0) {
    auto next = stream.ahead();
    next = next.first(std::min({next.size(), piece, total}));
    hash.update(next);
    stream.consume(next.size());
    total -= next.size();
  }
  return hash.finish();
}

TEST(Payload, IsTheSameHoweverItIsCut) {
  EXPECT_EQ(hash_in_pieces(1, 1'000'003, 1'000'000), hash_in_pieces(1, 1'000'003, 7919));
  EXPECT_NE(hash_in_pieces(1, 1000, 1000), hash_in_pieces(2, 1000, 1000));
}

TEST(Payload, DoesNotRepeatItsBlocks) {
  PayloadStream stream(1);
  const std::vector<std::byte> first(stream.ahead().begin(), stream.ahead().end());
  stream.consume(first.size());
  const auto second = stream.ahead();
  EXPECT_FALSE(std::equal(first.begin(), first.end(), second.begin(), second.end()));
}

TEST(Sha256, KnownAnswer) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span("abc", 3)));
  EXPECT_EQ(hash.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

kernel::SubflowInfo subflow(std::uint16_t port, std::uint64_t received) {
  return {.local = kHost,
          .local_port = port,
          .remote = kServer,
          .remote_port = 5001,
          .octets_acknowledged = 1,
          .octets_received = received};
}

std::vector<std::uint64_t> octets_of(const SubflowRecord& record) {
  std::vector<std::uint64_t> out;
  for (const auto& sample : record.samples()) out.push_back(sample.octets);
  return out;
}

TEST(SubflowRecord, DeadSubflowKeepsItsLastFigure) {
  SubflowRecord record(Direction::kReceived);
  record.update({subflow(1, 100), subflow(2, 50)});
  record.update({subflow(2, 80)});
  record.update({});
  EXPECT_THAT(octets_of(record), ElementsAre(100, 80));
}

TEST(SubflowRecord, NewSubflowOnTheSamePortsIsAddedToTheOldOne) {
  SubflowRecord record(Direction::kReceived);
  record.update({subflow(1, 100)});
  record.update({subflow(1, 30)});
  record.update({subflow(1, 40)});
  EXPECT_THAT(octets_of(record), ElementsAre(140));
}

TEST(SubflowRecord, SenderCountsWhatWasAcknowledged) {
  SubflowRecord record(Direction::kAcknowledged);
  record.update({subflow(1, 100)});
  EXPECT_THAT(octets_of(record), ElementsAre(1));
}

}  // namespace
}  // namespace anabranch::lab
