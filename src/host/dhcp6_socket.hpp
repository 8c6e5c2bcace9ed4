// SPDX-License-Identifier: MIT
// DHCPv6 client messages over one interface, below the IP stack: without taking port 546 from
// another DHCPv6 client, and beside any number of others on the same interface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "host/dhcp6_message.hpp"
#include "host/flood_watch.hpp"
#include "kernel/packet_socket.hpp"

namespace anabranch::host {

class Dhcp6Socket {
 public:
  /// A server's message. False: it was of no use.
  using Receiver = std::function<bool(const Dhcp6Message&)>;

  /// What is sent with.
  struct Source {
    std::string interface;
    MacAddress mac;
    IpAddress address;  ///< link-local: servers answer to it
    bool operator==(const Source&) const = default;
  };

  /// Frames with answers to the link-local address since the socket was opened.
  struct Traffic {
    std::uint64_t received = 0;
    std::uint64_t ignored = 0;  ///< of these: no DHCPv6 message, or of no use
  };

  /// The kernel passes on only what has the form of an answer to our address: a flood of anything
  /// else never reaches us. Errors: no such interface, not permitted (CAP_NET_RAW). Call it in the
  /// interface's namespace.
  static Result<std::unique_ptr<Dhcp6Socket>> open(Loop& loop, const Source& source,
                                                   Receiver receiver);

  /// A message that cannot leave now is lost like one lost on the wire: the client sends it again.
  void send(const Dhcp6Message& message);

  const Source& source() const { return source_; }
  const Traffic& traffic() const { return traffic_; }

 private:
  Dhcp6Socket(kernel::PacketSocket socket, Source source, Receiver receiver)
      : socket_(std::move(socket)), source_(std::move(source)), receiver_(std::move(receiver)) {}
  void read();
  void ignore();

  kernel::PacketSocket socket_;
  Source source_;
  Receiver receiver_;
  Traffic traffic_;
  FloodWatch flood_;
  Loop::Handle watch_;
};

}  // namespace anabranch::host
