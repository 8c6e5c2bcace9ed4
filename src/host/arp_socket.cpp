// SPDX-License-Identifier: MIT
#include "host/arp_socket.hpp"

#include <array>

#include <linux/filter.h>
#include <linux/if_ether.h>

#include "base/log.hpp"

namespace anabranch::host {
namespace {

/// ARP whose sender has `address`, or whose sender has none (a probe) and asks for `address`.
std::array<sock_filter, 9> filter_for(const IpAddress& address) {
  const std::uint32_t value = address.to_v4();
  return {{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 6),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 28),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 38),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
}

}  // namespace

Result<std::unique_ptr<ArpSocket>> ArpSocket::open(Loop& loop, const std::string& interface,
                                                   const IpAddress& address, Receiver receiver) {
  const auto filter = filter_for(address);
  kernel::PacketSocket::Options options;
  options.protocol = ETH_P_ARP;
  options.filter = filter;
  auto socket = kernel::PacketSocket::open(interface, options);
  if (!socket) return std::unexpected(socket.error());
  std::unique_ptr<ArpSocket> out(new ArpSocket(*std::move(socket), address, std::move(receiver)));
  out->watch_ = loop.on_readable(out->socket_.fd(), [self = out.get()] { self->read(); });
  return out;
}

void ArpSocket::send(const wire::ArpPacket& packet) {
  const auto frame = wire::encode_arp_frame(packet);
  if (auto sent = socket_.send(std::as_bytes(std::span(frame))); !sent)
    log::debug("{}", sent.error().text());
}

/// One frame a turn: what it leads to may close this socket.
void ArpSocket::read() {
  std::array<std::byte, 128> buffer;
  const auto received = socket_.receive(buffer);
  if (!received) return log::warning("{}", received.error().text());
  if (!*received) return;
  const auto octets = **received;
  const auto packet =
      wire::decode_arp_frame({reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()});
  const auto receiver = receiver_;
  if (packet) receiver(*packet);
}

}  // namespace anabranch::host
