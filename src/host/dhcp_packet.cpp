// SPDX-License-Identifier: MIT
#include "host/dhcp_packet.hpp"

#include <algorithm>

#include <tins/dhcp.h>
#include <tins/ethernetII.h>
#include <tins/exceptions.h>
#include <tins/ip.h>
#include <tins/rawpdu.h>
#include <tins/udp.h>

namespace anabranch::host {
namespace {

constexpr std::uint16_t kServerPort = 67;
constexpr std::uint16_t kClientPort = 68;
constexpr std::uint16_t kBroadcastFlag = 0x8000;
constexpr std::uint32_t kSmallestBootp = 300;
constexpr std::size_t kLongestPart = 255;

using Tins::DHCP;

Tins::IPv4Address to_tins(const IpAddress& address) {
  return Tins::IPv4Address(address.text());
}
Tins::EthernetII::address_type to_tins(const MacAddress& mac) {
  return {mac.octets.data()};
}

IpAddress from_tins(const Tins::IPv4Address& address) {
  // libtins converts to an integer in network order.
  const std::uint32_t raw = address;
  return IpAddress::v4(
      std::span<const std::uint8_t, 4>(reinterpret_cast<const std::uint8_t*>(&raw), 4));
}
template <std::size_t N>
MacAddress from_tins(const Tins::HWAddress<N>& address) {
  MacAddress out;
  std::copy_n(address.begin(), out.octets.size(), out.octets.begin());
  return out;
}

void add_option(DHCP& packet, std::uint8_t code, const DhcpMessage::Octets& value) {
  std::size_t at = 0;
  do {
    const std::size_t part = std::min(kLongestPart, value.size() - at);
    packet.add_option(DHCP::option(code, part, value.data() + at));
    at += part;
  } while (at < value.size());
}

DHCP to_tins(const DhcpMessage& message) {
  DHCP packet;
  packet.opcode(message.reply() ? Tins::BootP::BOOTREPLY : Tins::BootP::BOOTREQUEST);
  packet.htype(1);
  packet.hlen(6);
  packet.xid(message.xid);
  packet.secs(message.elapsed_s);
  packet.padding(message.broadcast ? kBroadcastFlag : 0);
  packet.ciaddr(to_tins(message.client));
  packet.yiaddr(to_tins(message.assigned));
  packet.chaddr(to_tins(message.hardware));
  packet.type(static_cast<DHCP::Flags>(message.type));
  for (const auto& [code, value] : message.options) add_option(packet, code, value);
  packet.end();
  return packet;
}

std::optional<DhcpMessage> from_tins(const DHCP& packet) {
  if (packet.htype() != 1 || packet.hlen() != 6) return std::nullopt;
  DhcpMessage out;
  std::optional<std::uint8_t> type;
  for (const auto& option : packet.options()) {
    const std::span<const std::uint8_t> value(option.data_ptr(), option.data_size());
    if (option.option() == DHCP::END) break;
    if (option.option() == DHCP::PAD) continue;
    if (option.option() == DHCP::DHCP_MESSAGE_TYPE) {
      if (value.size() == 1) type = value[0];
      continue;
    }
    auto& joined = out.options[option.option()];
    joined.insert(joined.end(), value.begin(), value.end());
  }
  if (!type || *type < static_cast<std::uint8_t>(DhcpType::kDiscover) ||
      *type > static_cast<std::uint8_t>(DhcpType::kInform))
    return std::nullopt;
  out.type = static_cast<DhcpType>(*type);
  if ((packet.opcode() == Tins::BootP::BOOTREPLY) != out.reply()) return std::nullopt;
  out.xid = packet.xid();
  out.elapsed_s = packet.secs();
  out.broadcast = (packet.padding() & kBroadcastFlag) != 0;
  out.client = from_tins(packet.ciaddr());
  out.assigned = from_tins(packet.yiaddr());
  out.hardware = from_tins(packet.chaddr());
  return out;
}

std::optional<DhcpFrame> decode(std::span<const std::uint8_t> octets) {
  const Tins::EthernetII ethernet(octets.data(), static_cast<std::uint32_t>(octets.size()));
  const auto* ip = ethernet.find_pdu<Tins::IP>();
  const auto* udp = ip == nullptr ? nullptr : ip->find_pdu<Tins::UDP>();
  const auto* body = udp == nullptr ? nullptr : udp->find_pdu<Tins::RawPDU>();
  if (body == nullptr) return std::nullopt;
  auto message = from_tins(DHCP(body->payload().data(), body->payload_size()));
  if (!message || udp->dport() != (message->reply() ? kClientPort : kServerPort))
    return std::nullopt;
  return DhcpFrame{from_tins(ethernet.src_addr()), from_tins(ethernet.dst_addr()),
                   from_tins(ip->src_addr()), from_tins(ip->dst_addr()), *std::move(message)};
}

}  // namespace

DhcpFrame frame_for(const OutgoingMessage& out) {
  DhcpFrame frame;
  // A switch with DHCP snooping drops a frame whose sender is not the client inside.
  frame.source = out.message.hardware;
  frame.source_address = out.message.client;
  if (out.to) {
    frame.destination = out.to->mac;
    frame.destination_address = out.to->address;
  }
  frame.message = out.message;
  return frame;
}

std::vector<std::uint8_t> encode_frame(const DhcpFrame& frame) {
  DHCP packet = to_tins(frame.message);
  const std::uint32_t size = packet.size();
  const bool reply = frame.message.reply();
  Tins::EthernetII ethernet =
      Tins::EthernetII(to_tins(frame.destination), to_tins(frame.source)) /
      Tins::IP(to_tins(frame.destination_address), to_tins(frame.source_address)) /
      Tins::UDP(reply ? kClientPort : kServerPort, reply ? kServerPort : kClientPort) / packet;
  if (size < kSmallestBootp)
    ethernet /= Tins::RawPDU(std::vector<std::uint8_t>(kSmallestBootp - size));
  ethernet.rfind_pdu<Tins::IP>().ttl(64);
  return ethernet.serialize();
}

std::optional<DhcpFrame> decode_frame(std::span<const std::uint8_t> octets) {
  try {
    return decode(octets);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace anabranch::host
