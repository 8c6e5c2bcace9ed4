// SPDX-License-Identifier: MIT
// What the log of a Kea tells us: how bad a line is, which lease was given to whom. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/ip.hpp"
#include "base/log.hpp"
#include "base/units.hpp"

namespace anabranch::gateway {

/// A line of Kea's log: how bad it is and what it says ("DHCP4_STARTED Kea DHCPv4 server ...").
struct KeaLine {
  log::Level level = log::Level::kDebug;
  std::string_view text;
  std::string_view message_id;
};
/// Understands our own pattern ("INFO ID text") and Kea's, which it has before it has read its
/// configuration ("date time INFO [logger] ID text").
KeaLine parse_kea_line(std::string_view line);

struct GivenLease {
  MacAddress mac;
  IpAddress address;
  seconds lifetime{0};
};
/// Of a DHCP4_LEASE_ALLOC, new or renewed; nothing for any other line and for clients that are not
/// on Ethernet.
std::optional<GivenLease> given_lease(const KeaLine& line);

/// An address or a prefix has been given by DHCPv6, anew or again.
bool tells_of_lease6(const KeaLine& line);

/// Some client got nothing, for want of addresses or prefixes or because it asks for a path there
/// is not.
bool tells_of_no_address(const KeaLine& line);
/// The latter: nothing is wrong with the pools.
bool tells_of_no_path(const KeaLine& line);

}  // namespace anabranch::gateway
