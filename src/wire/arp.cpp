// SPDX-License-Identifier: MIT
#include "wire/arp.hpp"

#include <algorithm>

namespace anabranch::wire {
namespace {

// EtherType of ARP; hardware Ethernet, protocol IPv4, lengths 6 and 4.
constexpr std::array<std::uint8_t, 8> kFixed{0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 6, 4};
constexpr std::size_t kEthernetSource = 6;
constexpr std::size_t kFixedAt = 12;
constexpr std::size_t kOperation = 20;
constexpr std::size_t kSenderMac = 22;
constexpr std::size_t kSender = 28;
constexpr std::size_t kTargetMac = 32;
constexpr std::size_t kTarget = 38;

MacAddress mac_at(std::span<const std::uint8_t> frame, std::size_t at) {
  MacAddress out;
  std::ranges::copy(frame.subspan(at, out.octets.size()), out.octets.begin());
  return out;
}

}  // namespace

ArpPacket ArpPacket::probe(const MacAddress& mac, const IpAddress& address) {
  return {Operation::kRequest, mac, IpAddress(), MacAddress(), address};
}

ArpPacket ArpPacket::announcement(const MacAddress& mac, const IpAddress& address) {
  return {Operation::kRequest, mac, address, MacAddress(), address};
}

std::array<std::uint8_t, kArpFrameSize> encode_arp_frame(const ArpPacket& packet) {
  std::array<std::uint8_t, kArpFrameSize> out{};
  const auto put = [&](std::size_t at, std::span<const std::uint8_t> octets) {
    std::ranges::copy(octets, out.begin() + static_cast<std::ptrdiff_t>(at));
  };
  std::ranges::fill(std::span(out).first(kEthernetSource), std::uint8_t{0xff});
  put(kEthernetSource, packet.sender_mac.octets);
  put(kFixedAt, kFixed);
  out[kOperation + 1] = static_cast<std::uint8_t>(packet.operation);
  put(kSenderMac, packet.sender_mac.octets);
  put(kSender, packet.sender.octets());
  put(kTargetMac, packet.target_mac.octets);
  put(kTarget, packet.target.octets());
  return out;
}

std::optional<ArpPacket> decode_arp_frame(std::span<const std::uint8_t> frame) {
  if (frame.size() < kArpFrameSize ||
      !std::ranges::equal(frame.subspan(kFixedAt, kFixed.size()), kFixed))
    return std::nullopt;
  const unsigned operation = frame[kOperation] << 8 | frame[kOperation + 1];
  if (operation != 1 && operation != 2) return std::nullopt;
  return ArpPacket{static_cast<ArpPacket::Operation>(operation), mac_at(frame, kSenderMac),
                   IpAddress::v4(frame.subspan(kSender).first<4>()), mac_at(frame, kTargetMac),
                   IpAddress::v4(frame.subspan(kTarget).first<4>())};
}

}  // namespace anabranch::wire
