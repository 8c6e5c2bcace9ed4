// SPDX-License-Identifier: MIT
#include "host/dhcp_socket.hpp"

#include <array>
#include <vector>

#include <linux/filter.h>
#include <linux/if_ether.h>

#include "base/log.hpp"
#include "host/dhcp_packet.hpp"
#include "host/frame_filter.hpp"

namespace anabranch::host {
namespace {

constexpr std::size_t kLargestFrame = 4096;
/// Frames read before others in the event loop have their turn.
constexpr unsigned kFramesPerTurn = 64;

/// Unfragmented IPv4 UDP to port 68; for one client, BOOTREPLY, chaddr and the DHCP cookie as well
/// (RFC 2131 section 2). A load beyond the frame's end refuses it.
std::vector<sock_filter> filter_for(const std::optional<MacAddress>& client) {
  constexpr std::uint32_t kBootp = 14 + 8;  // behind Ethernet and UDP; X holds IP's length
  FrameFilter filter;
  filter.require(BPF_LD | BPF_H | BPF_ABS, 12, ETH_P_IP);
  filter.require(BPF_LD | BPF_B | BPF_ABS, 23, 17);
  filter.require_clear(BPF_LD | BPF_H | BPF_ABS, 20, 0x1fff);
  filter.add(sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14));
  filter.require(BPF_LD | BPF_H | BPF_IND, 14 + 2, 68);
  if (client) {
    const auto& mac = client->octets;
    filter.require(BPF_LD | BPF_B | BPF_IND, kBootp, 2);
    filter.require(BPF_LD | BPF_H | BPF_IND, kBootp + 28,
                   static_cast<std::uint32_t>(mac[0] << 8 | mac[1]));
    filter.require(BPF_LD | BPF_H | BPF_IND, kBootp + 30,
                   static_cast<std::uint32_t>(mac[2] << 8 | mac[3]));
    filter.require(BPF_LD | BPF_H | BPF_IND, kBootp + 32,
                   static_cast<std::uint32_t>(mac[4] << 8 | mac[5]));
    filter.require(BPF_LD | BPF_W | BPF_IND, kBootp + 236, 0x63825363);
  }
  return std::move(filter).finish();
}

}  // namespace

Result<std::unique_ptr<DhcpSocket>> DhcpSocket::open(Loop& loop, const std::string& interface,
                                                     std::optional<MacAddress> client,
                                                     Receiver receiver) {
  const auto filter = filter_for(client);
  kernel::PacketSocket::Options options;
  options.protocol = ETH_P_IP;
  options.filter = filter;
  auto socket = kernel::PacketSocket::open(interface, options);
  if (!socket) return std::unexpected(socket.error());
  std::unique_ptr<DhcpSocket> out(new DhcpSocket(*std::move(socket), std::move(receiver)));
  out->watch_ = loop.on_readable(out->socket_.fd(), [self = out.get()] { self->read(); });
  return out;
}

void DhcpSocket::send(const OutgoingMessage& message) {
  const auto frame = encode_frame(frame_for(message));
  if (auto sent = socket_.send(std::as_bytes(std::span(frame))); !sent)
    log::debug("{}", sent.error().text());
}

void DhcpSocket::read() {
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
        decode_frame({reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()});
    if (!frame || !receiver_(frame->message, frame->source)) ignore();
  }
}

void DhcpSocket::ignore() {
  ++traffic_.ignored;
  if (const auto count = flood_.useless(MonotonicClock::now()))
    log::warning(
        "{} is flooded with packets for DHCP clients that are no answers to us: {} of them ignored "
        "so far; leases go on",
        socket_.interface(), *count);
}

}  // namespace anabranch::host
