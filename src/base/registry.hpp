// SPDX-License-Identifier: MIT
// The one registry of every number and name we take on a machine. Two roles on one box must never
// clash with each other, and an operator can see at a glance what is ours:
//
//   ip route show table all proto 173       every route of ours
//   ip rule show                             protocol 173, priorities 89, 790-1999,
//                                            20000-20999, 32764 and 32765
//   nft list table inet anabranch_gateway    translation of the gateway
//   nft list table inet anabranch_cpe        connections that the CPE takes
//   nft list table inet anabranch_converter  answers to clients whose addresses a converter keeps
//
// Route table numbers leave 1-252 to the operator and 253-255 to the kernel.
#pragma once

#include <cstdint>
#include <string_view>

namespace anabranch::registry {

/// rtm_protocol, fib rule protocol and address protocol of everything we install. The values 0-4
/// belong to the kernel and 186-192 to well-known routing daemons.
inline constexpr std::uint8_t kRouteProtocol = 173;

/// Upper bound of paths a host takes from one network (index 1..8): the kernel's own limit on
/// MPTCP endpoints and subflows is 8.
inline constexpr unsigned kMaxHostPaths = 8;
/// Upper bound of uplinks in one gateway configuration (index 1..64).
inline constexpr unsigned kMaxUplinks = 64;

// Gateway: table and rule of uplink `index` are base + index; table base leads back to hosts that
// are behind other routers.
inline constexpr std::uint32_t kGatewayTableBase = 17300;
inline constexpr std::uint32_t kGatewayRuleLocal = 900;     ///< to a local prefix: main table
inline constexpr std::uint32_t kGatewayRuleBase = 1000;     ///< from a source prefix: its table
inline constexpr std::uint32_t kGatewayRuleUnknown = 1900;  ///< any other source from the LAN: drop
inline constexpr std::string_view kGatewayNftTable = "anabranch_gateway";
// Metrics inside an uplink's table, best first.
inline constexpr std::uint32_t kMetricUplink = 100;
inline constexpr std::uint32_t kMetricFailOpen = 2000;
inline constexpr std::uint32_t kMetricUnreachable = 4000;

/// Link-local address of path `index` on the LAN, the source of its Router Advertisements:
/// fe80::616e:6162:0:<index>.
inline constexpr std::uint32_t kGatewayLinkLocal = 0x616e6162;
// Probes beyond the next hop leave by the uplink's own table also while the uplink counts as down:
// packets with mark base + index look there first.
inline constexpr std::uint32_t kGatewayProbeTableBase = 17700;
inline constexpr std::uint32_t kGatewayRuleProbeBase = 800;
/// From an uplink's address to what is probed there: the reverse-path filter knows no mark.
inline constexpr std::uint32_t kGatewayRuleProbeAnswer = 890;
inline constexpr std::uint32_t kGatewayProbeMark = 0x616e0000;

// Host: table and rule of path `index` on the interface number `ifindex` are spread so that two
// physical interfaces with eight paths each do not meet (see host_slot()).
inline constexpr std::uint32_t kHostTableBase = 17400;
inline constexpr std::uint32_t kHostRuleBase = 20000;
inline constexpr unsigned kHostSlots = 100;
/// Prefix of the names of our virtual interfaces: "anab<ifindex of the parent>p<index>".
inline constexpr std::string_view kMacvlanPrefix = "anab";

/// Offset of path `index` (1..8) of the physical interface `ifindex` in the host's tables and
/// rules.
constexpr std::uint32_t host_slot(unsigned ifindex, unsigned index) {
  return (ifindex % (kHostSlots / 10)) * 10 + index;
}

// Path manager: a path that new connections were sent to by us has a table, base + slot. Its rules
// are the last before the kernel's own "lookup main", 32766; where an administrator's rule has the
// same priority, ours are the younger ones and come after it (see paths/first_route.hpp).
inline constexpr std::uint32_t kPathsTableBase = 17600;
inline constexpr unsigned kPathsSlots = 32;
inline constexpr std::uint32_t kPathsRuleSource = 32764;  ///< from a path's address: its table
inline constexpr std::uint32_t kPathsRulePrefer = 32765;  ///< what has no source address yet
inline constexpr std::uint32_t kMainRule = 32766;

// CPE: packets of connections it takes have a mark, whose table leads to this machine. Connections
// of this machine itself have it in conntrack, too; they have a source address already, so that the
// rule comes before any that an administrator has for those. The reset that tells a LAN host of a
// refused destination has another mark, by which the nft table learns of it.
inline constexpr std::string_view kCpeNftTable = "anabranch_cpe";
inline constexpr std::uint32_t kCpeMark = 0x616e0100;
inline constexpr std::uint32_t kCpeRefusedMark = 0x616e0101;
inline constexpr std::uint32_t kCpeOwnMark = 0x616e0102;   ///< a connection of its own: never taken
inline constexpr std::uint32_t kCpeFullMark = 0x616e0103;  ///< to a host beyond a limit
inline constexpr std::uint32_t kCpeTable = 17800;
inline constexpr std::uint32_t kCpeRule = 89;
// Converter that keeps its clients' addresses: the same for what servers answer to these.
inline constexpr std::string_view kConverterNftTable = "anabranch_converter";
inline constexpr std::uint32_t kConverterMark = 0x616e0110;
inline constexpr std::uint32_t kConverterTable = 17801;
inline constexpr std::uint32_t kConverterRule = 791;

// Balancer: place of its program among the tc filters of an interface's ingress.
inline constexpr std::uint32_t kBalancerTcHandle = 1;
inline constexpr std::uint32_t kBalancerTcPriority = 173;
// Of the program on a server behind it.
inline constexpr std::uint32_t kBalancerServerTcHandle = 1;
inline constexpr std::uint32_t kBalancerServerTcPriority = 174;

// Probes of the path manager, so that no CPE on the same machine answers them.
inline constexpr std::uint32_t kPathsProbeMark = 0x616e0120;
/// Every mark of ours is one of these.
inline constexpr std::uint32_t kFirstMark = 0x616e0000;
inline constexpr std::uint32_t kLastMark = 0x616effff;

/// Service "convert" (RFC 8803 section 10.1).
inline constexpr std::uint16_t kConvertPort = 5124;

// DHCPv4 option EXT_ROUTE (draft-wr-mptcp-single-homed): one of the site-specific range (RFC 3942),
// configurable. As the roles' files write it, since it is the fallback of a setting in both.
inline constexpr std::string_view kExtRouteCode = "224";
inline constexpr std::uint8_t kFirstSiteOption = 224;
inline constexpr std::uint8_t kLastSiteOption = 254;
// Converters (wire/converter_addresses.hpp), of the same range; and beside EXT_ROUTE, which is
// sub-option 1, in DHCPv6's vendor option.
inline constexpr std::uint8_t kConvertersCode = 226;
inline constexpr std::uint8_t kConverterPortCode = 227;
inline constexpr std::uint16_t kConvertersSubOption = 2;
inline constexpr std::uint16_t kConverterPortSubOption = 3;

// Status sockets, below the runtime directory.
inline constexpr std::string_view kRuntimeDirectory = "/run/anabranch";
inline constexpr std::string_view kStateDirectory = "/var/lib/anabranch";

}  // namespace anabranch::registry
