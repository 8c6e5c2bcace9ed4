// SPDX-License-Identifier: MIT
// The topology of the two-ended proxy: a LAN host and a server that speak only TCP, a home gateway
// (CPE) with two uplinks, and a converter beside the path between the provider's network and the
// server.
//
//             10.k.0.0/16     172.16.k.0/24        172.20.k.0/24          198.18.9.0/24
//   host eth0 ----------- cpe ~~~~~~~~~~~~~ isp<k> ------------- core --------------- converter .9
//         2001:db8:k::/64     2001:db8:1600+k::/64               |     2001:db8:1989::/64
//                                                                +------ server 198.18.0.1
//                                                                        2001:db8:1980::1
//
// The host has an address of each provider, so that plain TCP can be measured over either uplink;
// whatever does not choose goes over the first. The wavy links run through the emulator.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/network.hpp"
#include "lab/single_homed_roles.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

/// `uplinks`: two or more. With `far_away` a second server, "far", is that far (one way) beyond the
/// provider's network, where "server" and converter are next to each other.
Topology proxy_pair_topology(const std::vector<LinkProfile>& uplinks, nanoseconds far_away = {});

/// The host's address of provider `uplink`.
IpAddress lan_address(unsigned uplink, Family family);
IpAddress converter_address(Family family);
IpAddress far_server_address(Family family);
/// The host's addresses as paths, for measure_tcp().
std::vector<HostPath> lan_paths(unsigned uplinks, Family family);

inline constexpr std::uint16_t kConverterPort = 5124;

struct PairOptions {
  bool paths = true;     ///< `anabranch paths` on both
  bool syn_data = true;  ///< the CPE sends its Convert message in the SYN
};
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
  std::uint64_t capable = 0;   ///< MPTCP connections that the converter accepted
  std::uint64_t joined = 0;    ///< their further subflows
  std::uint64_t upstream = 0;  ///< SYNs with MP_CAPABLE that the converter sent
};
Result<PairCounters> pair_counters(const Network& network);

/// Payload and headers, as the CPE's interfaces counted them; index 0 is uplink 1.
Result<std::vector<std::uint64_t>> uplink_octets(const Network& network, bool upload);

}  // namespace anabranch::lab
