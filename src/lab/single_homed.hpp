// SPDX-License-Identifier: MIT
// The topology of draft-wr-mptcp-single-homed: hosts with one interface, a gateway with several
// uplinks to different providers, and a server that is reached over all of them.
//
//              10.k.0.0/16          172.16.k.0/24          172.20.k.0/24
//   host eth0 ------------- gateway ~~~~~~~~~~~~~ isp<k> ------------- server 198.18.0.1
//
// The host takes its first address with an ordinary DHCP client (udhcpc); our host role finds the
// other paths. The wavy links run through the emulator.
#pragma once

#include <string>
#include <vector>

#include "base/ip.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

struct SingleHomedOptions {
  std::vector<LinkProfile> uplinks;
  unsigned hosts = 1;  ///< one: a cable; more: a LAN with a switch
  /// The last host has the Ethernet address of the first, and its interface is down.
  bool twin = false;
  std::string nat = "masquerade";
  std::string lease_time = "10min";  ///< of the addresses that the gateway hands out
};

Topology single_homed_topology(const SingleHomedOptions& options);

inline const IpAddress kServerAddress = IpAddress::v4(0xc6120001);  // 198.18.0.1 (RFC 2544 range)
inline constexpr std::string_view kHostInterface = "eth0";

/// The Ethernet address that twins share.
inline constexpr MacAddress kTwinMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}};

/// "host", or "host7" when there are several.
std::string host_name(unsigned number, unsigned hosts);
/// Which path (1..n) a subflow belongs to, seen by the host or by the server; 0 for neither.
unsigned path_of(const IpAddress& local, const IpAddress& remote);

}  // namespace anabranch::lab
