// SPDX-License-Identifier: MIT
// DHCP client messages over one interface, below the IP stack: works without an address, without
// taking port 68 from another DHCP client, and beside any number of others on the same interface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "host/dhcp_message.hpp"
#include "host/flood_watch.hpp"
#include "kernel/packet_socket.hpp"

namespace anabranch::host {

class DhcpSocket {
 public:
  /// A server's message and the Ethernet address of the frame's sender. False: it was of no use.
  using Receiver = std::function<bool(const DhcpMessage&, const MacAddress& from)>;

  /// Frames to port 68 since the socket was opened.
  struct Traffic {
    std::uint64_t received = 0;
    std::uint64_t ignored = 0;  ///< of these: no DHCP message, or of no use
  };

  /// With `client`, the kernel passes on only what has the form of an answer to this chaddr: a
  /// flood of anything else never reaches us. Errors: no such interface, not permitted
  /// (CAP_NET_RAW). Call it in the interface's namespace.
  static Result<std::unique_ptr<DhcpSocket>> open(Loop& loop, const std::string& interface,
                                                  std::optional<MacAddress> client,
                                                  Receiver receiver);

  /// A message that cannot leave now is lost like one lost on the wire: the client sends it again.
  void send(const OutgoingMessage& message);

  const Traffic& traffic() const { return traffic_; }

 private:
  DhcpSocket(kernel::PacketSocket socket, Receiver receiver)
      : socket_(std::move(socket)), receiver_(std::move(receiver)) {}
  void read();
  void ignore();

  kernel::PacketSocket socket_;
  Receiver receiver_;
  Traffic traffic_;
  FloodWatch flood_;
  Loop::Handle watch_;
};

}  // namespace anabranch::host
