// SPDX-License-Identifier: MIT
// The built-in sender and receiver: one TCP or MPTCP connection with a checkable payload. It runs
// as a process of its own inside a node ("anabranch lab workload ...") and reports on standard
// output, one JSON object a line, which the lab reads back with parse_workload_event().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::lab {

struct WorkloadOptions {
  bool listen = false;  ///< accept one connection, else connect
  bool send = false;    ///< produce the payload, else consume it
  bool mptcp = true;
  /// Local address (of the connecting side: its source address). Without it a listener takes every
  /// IPv4 address; "::" takes every address of both families.
  std::optional<IpAddress> bind;
  IpAddress remote;  ///< when connecting
  std::uint16_t port = 5001;
  nanoseconds duration{};    ///< how long to send; zero: `octets`
  std::uint64_t octets = 0;  ///< how much to send; zero: for `duration`
  std::string congestion = "cubic";
  nanoseconds sample_every = milliseconds(100);
  std::uint64_t seed = 1;  ///< of the pseudo-random payload
};

/// One subflow as this end sees it. `octets` are received (receiver) or acknowledged (sender); a
/// subflow that has closed keeps its last figure. They are octets of TCP sequence space: SYN and
/// FIN may count for one each, and what was sent again on another subflow counts on both.
struct SubflowSample {
  IpAddress local;
  std::uint16_t local_port = 0;
  IpAddress remote;
  std::uint16_t remote_port = 0;
  std::uint64_t octets = 0;
  double rtt_ms = 0;
};

namespace event {

struct Listening {};

struct Connected {
  bool mptcp = false;   ///< MPTCP really in use (MPTCP_INFO answers without a fallback flag)
  double setup_ms = 0;  ///< connect() to established; 0 on the listening side
};

/// Every WorkloadOptions::sample_every.
struct Sample {
  std::int64_t at_ns = 0;    ///< CLOCK_MONOTONIC
  std::uint64_t octets = 0;  ///< payload so far
  std::vector<SubflowSample> subflows;
};

/// A silence at the receiver of at least 20 ms between two reads that returned payload; an open one
/// is reported at the end of the transfer too.
struct Gap {
  std::int64_t start_ns = 0;
  std::int64_t length_ns = 0;
};

struct Done {
  bool mptcp = false;  ///< still MPTCP at the end
  std::uint64_t octets = 0;
  std::int64_t first_ns = 0;  ///< first payload octet read or written
  std::int64_t last_ns = 0;   ///< last one
  std::string sha256;         ///< of the payload, hex
  std::vector<SubflowSample> subflows;
};

struct Failed {
  std::string what;
};

}  // namespace event

using WorkloadEvent = std::variant<event::Listening, event::Connected, event::Sample, event::Gap,
                                   event::Done, event::Failed>;

/// Runs to the end of one transfer, reporting on `output_fd`. Never runs longer than the duration
/// plus 60 s, so a receiver too is to be given the duration. With duration and octets the sender
/// ends with whichever comes first. On failure the last event is Failed (before it what was
/// measured so far) and the same error is returned; a sender without duration and octets is
/// kBadInput.
Result<void> run_workload(const WorkloadOptions& options, int output_fd);

std::string format_workload_event(const WorkloadEvent& event);
Result<WorkloadEvent> parse_workload_event(std::string_view line);
/// The words after "anabranch lab workload" that give `options`.
std::vector<std::string> workload_arguments(const WorkloadOptions& options);

}  // namespace anabranch::lab
