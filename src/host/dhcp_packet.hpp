// SPDX-License-Identifier: MIT
// The seam to libtins: a DHCP message and the Ethernet frame that carries it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/dhcp_message.hpp"

namespace anabranch::host {

inline constexpr MacAddress kBroadcastMac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct DhcpFrame {
  MacAddress source;
  MacAddress destination = kBroadcastMac;
  IpAddress source_address;  ///< 0.0.0.0 for a client without a lease
  IpAddress destination_address = IpAddress::v4(0xffffffff);
  DhcpMessage message;

  bool operator==(const DhcpFrame&) const = default;
};

/// The frame around `out`, sent with the Ethernet address the message names as the client's own.
DhcpFrame frame_for(const OutgoingMessage& out);

/// Ethernet, IPv4, UDP with checksums; ports follow from the message's direction. At least 300
/// octets of BOOTP, which old relays and servers insist on.
std::vector<std::uint8_t> encode_frame(const DhcpFrame& frame);
/// Nothing for whatever is no whole DHCPv4 message. Never throws.
std::optional<DhcpFrame> decode_frame(std::span<const std::uint8_t> octets);

}  // namespace anabranch::host
