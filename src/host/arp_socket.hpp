// SPDX-License-Identifier: MIT
// ARP about one address on one interface: what conflict detection (address_check.hpp) must see, and
// the way out for its packets. The kernel's own ARP goes on beside it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/ip.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "kernel/packet_socket.hpp"
#include "wire/arp.hpp"

namespace anabranch::host {

class ArpSocket {
 public:
  using Receiver = std::function<void(const wire::ArpPacket&)>;

  /// Hears only who claims `address`, or probes for it; the kernel drops all other ARP. The
  /// receiver may destroy the socket. Errors: no such interface, not permitted (CAP_NET_RAW).
  static Result<std::unique_ptr<ArpSocket>> open(Loop& loop, const std::string& interface,
                                                 const IpAddress& address, Receiver receiver);

  void send(const wire::ArpPacket& packet);
  const IpAddress& address() const { return address_; }

 private:
  ArpSocket(kernel::PacketSocket socket, const IpAddress& address, Receiver receiver)
      : socket_(std::move(socket)), address_(address), receiver_(std::move(receiver)) {}
  void read();

  kernel::PacketSocket socket_;
  IpAddress address_;
  Receiver receiver_;
  Loop::Handle watch_;
};

}  // namespace anabranch::host
