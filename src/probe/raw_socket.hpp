// SPDX-License-Identifier: MIT
// Sends TCP segments that we made and hears the replies to our ports: a raw socket with a filter,
// and the ports' reservation.
//
// A raw socket of TCP is shown, before its filter, every TCP packet that this host receives for the
// address it is bound to. So there is one for each path, and only while the path has an open
// question: transfers over other paths do not notice it. A packet socket would be shown no less,
// and closing one waits until all processors have let go of it (8 to 16 ms), which an event loop
// must not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::probe {

/// TCP ports that are ours: bound by sockets that neither listen nor connect. The kernel gives them
/// to nobody else and answers what arrives at them with a reset.
class ReservedPorts {
 public:
  static Result<ReservedPorts> open(Family family, std::size_t count);
  std::span<const std::uint16_t> ports() const { return ports_; }
  /// One after the other, again and again.
  std::uint16_t next();

 private:
  std::vector<UniqueFd> sockets_;
  std::vector<std::uint16_t> ports_;
  std::size_t next_ = 0;
};

class RawSocket {
 public:
  /// Sends from `source` and hears SYN/ACKs and resets to it at `ports` only. Errors: this host has
  /// no such address, not permitted (CAP_NET_RAW).
  static Result<RawSocket> open(const IpAddress& source, std::span<const std::uint16_t> ports);
  int fd() const { return fd_.get(); }

  struct Outcome {
    std::size_t sent = 0;
    int error = 0;  ///< errno of the first that was refused; 0 when all were sent
  };
  /// Whole TCP segments, back to back, never in fragments (EMSGSIZE); by the interface `ifindex`,
  /// or as the routes say when it is 0. Does not block: while a neighbour is not resolved the
  /// kernel holds them back.
  Outcome send(const IpAddress& destination, unsigned ifindex,
               std::span<const std::vector<std::uint8_t>> segments);

  /// Calls `take` with sender, TCP segment and arrival (by the kernel's clock) for up to 64
  /// packets.
  using Taker = std::function<void(const IpAddress& remote, std::span<const std::uint8_t> segment,
                                   MonotonicTime arrived)>;
  void receive(const Taker& take);

 private:
  RawSocket(const IpAddress& source, UniqueFd fd) : source_(source), fd_(std::move(fd)) {}

  IpAddress source_;
  UniqueFd fd_;
};

}  // namespace anabranch::probe
