// SPDX-License-Identifier: MIT
// Transfers between two nodes with the built-in sender and receiver: several at once, with things
// done to the network at given moments, and the receiver's figures afterwards.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/network.hpp"
#include "lab/workload.hpp"

namespace anabranch::lab {

struct TransferPlan {
  std::string client;  ///< node that connects
  std::string server;  ///< node that listens
  IpAddress server_address;
  std::uint16_t port = 5001;
  bool upload = false;  ///< client to server
  bool mptcp = true;
  bool both_families = false;  ///< the server listens for IPv6, too, whatever its address here
  std::optional<IpAddress> source = std::nullopt;  ///< client's source address
  nanoseconds duration{};
  std::uint64_t octets = 0;
  std::uint64_t seed = 1;
  nanoseconds sample_every = milliseconds(100);
};

/// Something done while transfers run, counted from the first payload octet of the first transfer.
struct TimedAction {
  nanoseconds after{};
  std::function<Result<void>()> act;
};

struct TransferRecord {
  event::Connected client;
  event::Connected server;
  event::Done sender;
  event::Done receiver;
  std::vector<event::Sample> samples;  ///< of the receiver
  std::vector<event::Gap> gaps;        ///< of the receiver
  /// Why it did not come to its end; empty: it did. Only with Failures::kRecord.
  std::string failure;

  bool hashes_equal() const { return !sender.sha256.empty() && sender.sha256 == receiver.sha256; }
  /// Over the whole transfer, first to last payload octet.
  BitRate goodput() const;
  /// Between two moments (CLOCK_MONOTONIC ns), interpolated between samples.
  BitRate goodput(std::int64_t from_ns, std::int64_t to_ns) const;
  /// Longest silence that touches the span, with its whole length.
  nanoseconds longest_gap(std::int64_t from_ns, std::int64_t to_ns) const;
};

struct TransferOutcome {
  std::vector<TransferRecord> records;     ///< in the order of the plans
  std::vector<std::int64_t> action_times;  ///< when each action was in force (CLOCK_MONOTONIC ns)
  std::int64_t start_ns = 0;               ///< first payload octet
};

/// Called with every sample of a receiver: index of the plan, the sample.
using SampleObserver = std::function<void(std::size_t, const event::Sample&)>;

enum class Failures : std::uint8_t {
  kEnd,     ///< a transfer that fails ends all, as an error
  kRecord,  ///< the others go on; TransferRecord::failure tells
};

/// Runs all plans at once to their ends. An end that fails, or one that takes 60 s longer than
/// planned, is a failure.
Result<TransferOutcome> run_transfers(const Network& network,
                                      const std::vector<TransferPlan>& plans,
                                      const std::vector<TimedAction>& actions = {},
                                      const SampleObserver& observe = {},
                                      Failures failures = Failures::kEnd);

}  // namespace anabranch::lab
