// SPDX-License-Identifier: MIT
// The topology of draft-wr-mptcp-single-homed: hosts with one interface, a gateway with several
// uplinks to different providers, and a server that is reached over all of them.
//
//              10.k.0.0/16          172.16.k.0/24          172.20.k.0/24
//   host eth0 ------------- gateway ~~~~~~~~~~~~~ isp<k> ------------- server 198.18.0.1
//          2001:db8:k::/64      2001:db8:1600+k::/64     2001:db8:2000+k::/64     2001:db8:1980::1
//
// The host takes its first IPv4 address with an ordinary DHCP client (udhcpc), its first IPv6 one
// from the kernel; our host role finds the other paths. IPv6 is not translated: each provider
// routes its prefix of the LAN. The wavy links run through the emulator.
#pragma once

#include <string>
#include <vector>

#include "base/ip.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

enum class Families : std::uint8_t { kIpv4, kIpv6, kBoth };

struct SingleHomedOptions {
  std::vector<LinkProfile> uplinks;
  Families families = Families::kIpv4;
  unsigned hosts = 1;  ///< one: a cable; more: a LAN with a switch
  /// The last host has the Ethernet address of the first, and its interface is down.
  bool twin = false;
  std::string nat = "masquerade";
  std::string lease_time = "10min";  ///< of the addresses that the gateway hands out
  bool probes = false;               ///< the gateway asks the server over each uplink
  std::string fail_open = {};        ///< uplink that stands in for the first one
};

Topology single_homed_topology(const SingleHomedOptions& options);

/// A node with udhcpc and our host role on kHostInterface.
Node single_homed_host(const std::string& name, Families families = Families::kIpv4);
/// "server", with kServerAddress or kServerAddress6 or both, and no way yet to anywhere.
Node single_homed_server(Families families = Families::kIpv4);
/// Provider k: its node, its emulated link to interface "up<k>" of `gateway` (172.16.k.1), which
/// gets its address, and its cable to the server. One that `knows_hosts` has a route
/// to 10.k.0.0/16.
void add_provider(Topology& topology, Node& gateway, Node& server, unsigned k,
                  const LinkProfile& profile, bool knows_hosts,
                  Families families = Families::kIpv4);

inline const IpAddress kServerAddress = IpAddress::v4(0xc6120001);  // 198.18.0.1 (RFC 2544 range)
inline const IpAddress kServerAddress6 = IpAddress::v6(std::array<std::uint8_t, 16>{
    0x20, 1, 0x0d, 0xb8, 0x19, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});  // 2001:db8:1980::1
/// The server, for a client with an address of that family.
const IpAddress& server_address(Family family);
inline constexpr std::string_view kHostInterface = "eth0";

/// The Ethernet address that twins share.
inline constexpr MacAddress kTwinMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}};

/// "host", or "host7" when there are several.
std::string host_name(unsigned number, unsigned hosts);
/// Which path (1..n) a subflow belongs to, seen by the host or by the server; 0 for neither.
unsigned path_of(const IpAddress& local, const IpAddress& remote);

}  // namespace anabranch::lab
