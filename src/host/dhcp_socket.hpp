// SPDX-License-Identifier: MIT
// DHCP client messages over one interface, below the IP stack: works without an address, without
// taking port 68 from another DHCP client, and beside any number of others on the same interface.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "host/dhcp_message.hpp"
#include "kernel/packet_socket.hpp"

namespace anabranch::host {

class DhcpSocket {
 public:
  /// A server's message and the Ethernet address of the frame's sender.
  using Receiver = std::function<void(const DhcpMessage&, const MacAddress& from)>;

  /// Errors: no such interface, not permitted (CAP_NET_RAW). Call it in the interface's namespace.
  static Result<std::unique_ptr<DhcpSocket>> open(Loop& loop, const std::string& interface,
                                                  Receiver receiver);

  /// A message that cannot leave now is lost like one lost on the wire: the client sends it again.
  void send(const OutgoingMessage& message);

 private:
  DhcpSocket(kernel::PacketSocket socket, Receiver receiver)
      : socket_(std::move(socket)), receiver_(std::move(receiver)) {}
  void read_all();

  kernel::PacketSocket socket_;
  Receiver receiver_;
  Loop::Handle watch_;
};

}  // namespace anabranch::host
