// SPDX-License-Identifier: MIT
#include "host/dhcp6_packet.hpp"

#include <algorithm>
#include <array>

#include <tins/ethernetII.h>
#include <tins/exceptions.h>
#include <tins/ipv6.h>
#include <tins/rawpdu.h>
#include <tins/udp.h>

namespace anabranch::host {
namespace {

constexpr std::uint16_t kServerPort = 547;
constexpr std::uint16_t kClientPort = 546;
/// What IPv6 and UDP leave of 65,535 octets.
constexpr std::size_t kLargestPayload = 65'000;

bool from_server(const Dhcp6Message& message) {
  return message.type == Dhcp6Type::kAdvertise || message.type == Dhcp6Type::kReply ||
         message.type == Dhcp6Type::kReconfigure;
}

Tins::IPv6Address to_tins(const IpAddress& address) {
  return Tins::IPv6Address(address.octets().data());
}
Tins::EthernetII::address_type to_tins(const MacAddress& mac) {
  return {mac.octets.data()};
}

IpAddress from_tins(const Tins::IPv6Address& address) {
  std::array<std::uint8_t, 16> octets;
  std::copy(address.begin(), address.end(), octets.begin());
  return IpAddress::v6(octets);
}
template <std::size_t N>
MacAddress from_tins(const Tins::HWAddress<N>& address) {
  MacAddress out;
  std::copy_n(address.begin(), out.octets.size(), out.octets.begin());
  return out;
}

/// RFC 2464 section 7.
MacAddress multicast_mac(const IpAddress& group) {
  const auto octets = group.octets();
  return {{0x33, 0x33, octets[12], octets[13], octets[14], octets[15]}};
}

std::optional<Dhcp6Frame> decode(std::span<const std::uint8_t> octets) {
  const Tins::EthernetII ethernet(octets.data(), static_cast<std::uint32_t>(octets.size()));
  const auto* ip = ethernet.find_pdu<Tins::IPv6>();
  const auto* udp = ip == nullptr ? nullptr : ip->find_pdu<Tins::UDP>();
  const auto* body = udp == nullptr ? nullptr : udp->find_pdu<Tins::RawPDU>();
  if (body == nullptr) return std::nullopt;
  auto message = decode_dhcp6(body->payload());
  if (!message || udp->dport() != (from_server(*message) ? kClientPort : kServerPort))
    return std::nullopt;
  return Dhcp6Frame{from_tins(ethernet.src_addr()), from_tins(ethernet.dst_addr()),
                    from_tins(ip->src_addr()), from_tins(ip->dst_addr()), *std::move(message)};
}

}  // namespace

IpAddress all_dhcp6_servers() {
  static constexpr std::array<std::uint8_t, 16> kOctets{0xff, 2, 0, 0, 0, 0, 0, 0,
                                                        0,    0, 0, 0, 0, 1, 0, 2};
  return IpAddress::v6(kOctets);
}

Dhcp6Frame frame_for(const Dhcp6Message& message, const MacAddress& mac, const IpAddress& source) {
  return {mac, multicast_mac(all_dhcp6_servers()), source, all_dhcp6_servers(), message};
}

std::optional<std::vector<std::uint8_t>> encode_frame(const Dhcp6Frame& frame) {
  auto payload = encode_dhcp6(frame.message);
  if (!payload || payload->size() > kLargestPayload) return std::nullopt;
  const bool reply = from_server(frame.message);
  Tins::EthernetII ethernet =
      Tins::EthernetII(to_tins(frame.destination), to_tins(frame.source)) /
      Tins::IPv6(to_tins(frame.destination_address), to_tins(frame.source_address)) /
      Tins::UDP(reply ? kClientPort : kServerPort, reply ? kServerPort : kClientPort) /
      Tins::RawPDU(*std::move(payload));
  ethernet.rfind_pdu<Tins::IPv6>().hop_limit(64);
  return ethernet.serialize();
}

std::optional<Dhcp6Frame> decode_dhcp6_frame(std::span<const std::uint8_t> octets) {
  try {
    return decode(octets);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace anabranch::host
