// SPDX-License-Identifier: MIT
// The seam to libtins: a DHCPv6 message and the Ethernet frame that carries it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/dhcp6_message.hpp"

namespace anabranch::host {

/// All_DHCP_Relay_Agents_and_Servers, ff02::1:2 (RFC 8415 section 7.1).
IpAddress all_dhcp6_servers();

struct Dhcp6Frame {
  MacAddress source;
  MacAddress destination;
  IpAddress source_address;
  IpAddress destination_address;
  Dhcp6Message message;

  bool operator==(const Dhcp6Frame&) const = default;
};

/// A client's message: it goes to every server on the link, from the link-local `source` (RFC 8415
/// section 14; asking one server by its own address is what it must permit, and saves nothing).
Dhcp6Frame frame_for(const Dhcp6Message& message, const MacAddress& mac, const IpAddress& source);

/// Ethernet, IPv6, UDP with checksum; ports follow from the message's direction. Nothing for a
/// message that cannot be encoded.
std::optional<std::vector<std::uint8_t>> encode_frame(const Dhcp6Frame& frame);
/// Nothing for whatever is no whole DHCPv6 message. Never throws. Like all who read below the IP
/// stack it looks at no checksum, which on one machine often is not filled in.
std::optional<Dhcp6Frame> decode_dhcp6_frame(std::span<const std::uint8_t> octets);

}  // namespace anabranch::host
