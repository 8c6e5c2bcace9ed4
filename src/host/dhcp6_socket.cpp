// SPDX-License-Identifier: MIT
#include "host/dhcp6_socket.hpp"

#include <array>
#include <vector>

#include <linux/filter.h>
#include <linux/if_ether.h>

#include "base/log.hpp"
#include "host/dhcp6_packet.hpp"
#include "host/frame_filter.hpp"

namespace anabranch::host {
namespace {

constexpr std::size_t kLargestFrame = 4096;
/// Frames read before others in the event loop have their turn.
constexpr unsigned kFramesPerTurn = 64;

/// ADVERTISE and REPLY in IPv6 UDP without extension headers, to `address`, port 546. A server
/// answers to the address it was asked from (RFC 8415 section 18.3.10), never to a group.
std::vector<sock_filter> filter_for(const IpAddress& address) {
  constexpr std::uint32_t kIp = 14;
  constexpr std::uint32_t kUdp = kIp + 40;
  FrameFilter filter;
  filter.require(BPF_LD | BPF_H | BPF_ABS, 12, ETH_P_IPV6);
  filter.require(BPF_LD | BPF_B | BPF_ABS, kIp + 6, 17);
  filter.require(BPF_LD | BPF_H | BPF_ABS, kUdp + 2, 546);
  filter.require_one_of(BPF_LD | BPF_B | BPF_ABS, kUdp + 8,
                        {static_cast<std::uint32_t>(Dhcp6Type::kAdvertise),
                         static_cast<std::uint32_t>(Dhcp6Type::kReply)});
  const auto octets = address.octets();
  for (std::uint32_t at = 0; at < octets.size(); at += 4) {
    std::uint32_t word = 0;
    for (const auto octet : octets.subspan(at, 4)) word = word << 8 | octet;
    filter.require(BPF_LD | BPF_W | BPF_ABS, kIp + 24 + at, word);
  }
  return std::move(filter).finish();
}

}  // namespace

Result<std::unique_ptr<Dhcp6Socket>> Dhcp6Socket::open(Loop& loop, const Source& source,
                                                       Receiver receiver) {
  const auto filter = filter_for(source.address);
  kernel::PacketSocket::Options options;
  options.protocol = ETH_P_IPV6;
  options.filter = filter;
  auto socket = kernel::PacketSocket::open(source.interface, options);
  if (!socket) return std::unexpected(socket.error());
  std::unique_ptr<Dhcp6Socket> out(
      new Dhcp6Socket(*std::move(socket), source, std::move(receiver)));
  out->watch_ = loop.on_readable(out->socket_.fd(), [self = out.get()] { self->read(); });
  return out;
}

void Dhcp6Socket::send(const Dhcp6Message& message) {
  const auto frame = encode_frame(frame_for(message, source_.mac, source_.address));
  if (!frame) return;
  if (auto sent = socket_.send(std::as_bytes(std::span(*frame))); !sent)
    log::debug("{}", sent.error().text());
}

void Dhcp6Socket::read() {
  std::array<std::byte, kLargestFrame> buffer;
  for (unsigned i = 0; i < kFramesPerTurn; ++i) {
    const auto received = socket_.receive(buffer);
    if (!received) {
      log::warning("{}", received.error().text());
      return;
    }
    if (!*received) return;
    ++traffic_.received;
    const auto octets = **received;
    const auto frame =
        decode_dhcp6_frame({reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()});
    if (!frame || !receiver_(frame->message)) ignore();
  }
}

void Dhcp6Socket::ignore() {
  ++traffic_.ignored;
  if (const auto count = flood_.useless(MonotonicClock::now()))
    log::warning(
        "{} is flooded with packets for DHCPv6 clients that are no answers to us: {} of them "
        "ignored so far; leases go on",
        socket_.interface(), *count);
}

}  // namespace anabranch::host
