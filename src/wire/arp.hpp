// SPDX-License-Identifier: MIT
// ARP for IPv4 over Ethernet (RFC 826), in the Ethernet frame that carries it, with the two
// questions of address conflict detection (RFC 5227 section 1.1): the probe asks who uses an
// address without claiming it, the announcement claims it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.hpp"

namespace anabranch::wire {

struct ArpPacket {
  enum class Operation : std::uint16_t { kRequest = 1, kReply = 2 };

  Operation operation = Operation::kRequest;
  MacAddress sender_mac;
  IpAddress sender;  ///< 0.0.0.0 in a probe
  MacAddress target_mac;
  IpAddress target;

  bool operator==(const ArpPacket&) const = default;

  static ArpPacket probe(const MacAddress& mac, const IpAddress& address);
  static ArpPacket announcement(const MacAddress& mac, const IpAddress& address);
};

inline constexpr std::size_t kArpFrameSize = 42;

/// A broadcast frame from the packet's sender.
std::array<std::uint8_t, kArpFrameSize> encode_arp_frame(const ArpPacket& packet);
/// Nothing for whatever is no whole ARP request or reply for IPv4 over Ethernet. Octets beyond it
/// are padding.
std::optional<ArpPacket> decode_arp_frame(std::span<const std::uint8_t> frame);

}  // namespace anabranch::wire
