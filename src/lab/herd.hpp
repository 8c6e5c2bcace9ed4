// SPDX-License-Identifier: MIT
// Many MPTCP connections from one process: held idle, held busy, or short and following each other.
// It loads whoever looks after connections, not the links. It runs in a node as "anabranch lab herd
// ..." and says on standard output, one JSON object a line, when it has got where it was told to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::lab {

struct HerdOptions {
  bool listen = false;        ///< take connections and echo, else connect
  IpAddress address{};        ///< to listen at, or to connect to
  std::uint16_t port = 5100;  ///< first of `ports`
  unsigned ports = 1;
  /// To open and hold; 0: short ones for `duration`. Of a listener: how many it must have room for.
  unsigned connections = 0;
  nanoseconds duration{};
  unsigned at_once = 64;  ///< handshakes, or short connections, under way at a time
  /// Of a held connection between an echo and the next request; zero: idle after the first.
  nanoseconds pause{};
  /// Between two openings; zero: as fast as `at_once` allows.
  nanoseconds spacing{};
};

struct HerdReport {
  std::uint64_t opened = 0;  ///< with one request of 100 octets echoed
  std::uint64_t failed = 0;
  double seconds = 0;
  bool listening = false;  ///< a listener is ready; nothing else is told
};

/// A listener and held connections stay until the process is ended; short ones end by themselves.
/// The report is written when listening, when all are held, or at the end. When the process may not
/// have descriptors enough for all of them, that is the error at once.
Result<void> run_herd(const HerdOptions& options, int output_fd);

std::string format_herd_report(const HerdReport& report);
Result<HerdReport> parse_herd_report(std::string_view line);
/// The words after "anabranch lab herd" that give `options`.
std::vector<std::string> herd_arguments(const HerdOptions& options);

}  // namespace anabranch::lab
