// SPDX-License-Identifier: MIT
#include "host/dhcp_socket.hpp"

#include <array>

#include <linux/filter.h>
#include <linux/if_ether.h>

#include "base/log.hpp"
#include "host/dhcp_packet.hpp"

namespace anabranch::host {
namespace {

/// Unfragmented IPv4 UDP to port 68; everything else never wakes us.
constexpr std::array<sock_filter, 11> kToDhcpClient{{
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 8),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
}};
constexpr std::size_t kLargestFrame = 4096;

}  // namespace

Result<std::unique_ptr<DhcpSocket>> DhcpSocket::open(Loop& loop, const std::string& interface,
                                                     Receiver receiver) {
  kernel::PacketSocket::Options options;
  options.protocol = ETH_P_IP;
  options.filter = kToDhcpClient;
  auto socket = kernel::PacketSocket::open(interface, options);
  if (!socket) return std::unexpected(socket.error());
  std::unique_ptr<DhcpSocket> out(new DhcpSocket(*std::move(socket), std::move(receiver)));
  out->watch_ = loop.on_readable(out->socket_.fd(), [self = out.get()] { self->read_all(); });
  return out;
}

void DhcpSocket::send(const OutgoingMessage& message) {
  const auto frame = encode_frame(frame_for(message));
  if (auto sent = socket_.send(std::as_bytes(std::span(frame))); !sent)
    log::debug("{}", sent.error().text());
}

void DhcpSocket::read_all() {
  std::array<std::byte, kLargestFrame> buffer;
  for (;;) {
    const auto received = socket_.receive(buffer);
    if (!received) {
      log::warning("{}", received.error().text());
      return;
    }
    if (!*received) return;
    const auto octets = **received;
    const auto frame =
        decode_frame({reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()});
    if (frame) receiver_(frame->message, frame->source);
  }
}

}  // namespace anabranch::host
