// SPDX-License-Identifier: MIT
// The roles of the two-ended proxy: their settings, started and stopped together, and what kernels
// counted of their connections.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/network.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

inline constexpr std::uint16_t kConverterPort = 5124;
/// Of the converter, of the CPE and of the LAN host: what comes from outside goes through all
/// three.
inline constexpr std::uint16_t kIncomingPort = 8443;

struct PairOptions {
  bool paths = true;     ///< `anabranch paths` on both
  bool syn_data = true;  ///< the CPE sends its Convert message in the SYN
};

std::vector<Role> cpe_roles();
std::vector<Role> converter_roles();

/// Starts converter and CPE and returns when both answer.
Result<void> start_pair(Network& network, const PairOptions& options = {});
Result<void> stop_pair(Network& network);
/// One of the two.
Result<void> start_converter(Network& network, const PairOptions& options);
Result<void> start_cpe(Network& network, const PairOptions& options);
Result<void> stop_cpe(Network& network);

/// Both, for `lab shell`.
Result<nanoseconds> start_pair_for_shell(Network& network);

/// What the kernels counted; a difference of two looks tells what happened in between.
struct PairCounters {
  std::uint64_t capable = 0;  ///< MPTCP connections that `node` accepted
  std::uint64_t joined = 0;   ///< their further subflows that it accepted
  std::uint64_t sent = 0;     ///< SYNs with MP_CAPABLE that it sent
};
/// Of "converter" or "cpe".
Result<PairCounters> pair_counters(const Network& network, std::string_view node = "converter");

/// Payload and headers, as the CPE's interfaces counted them; index 0 is uplink 1.
Result<std::vector<std::uint64_t>> uplink_octets(const Network& network, bool upload);

}  // namespace anabranch::lab
