// SPDX-License-Identifier: MIT
// Neighbour Discovery messages of one interface through a raw ICMPv6 socket: Router Advertisements
// for a host, Router Solicitations for a router. The kernel checks and fills in the checksum; what
// RFC 4861 demands of the IPv6 header (hop limit 255) is checked here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

class Icmpv6Socket {
 public:
  struct Received {
    std::vector<std::uint8_t> message;  ///< from the ICMPv6 type on
    IpAddress source;
    IpAddress destination;
  };

  /// A non-blocking socket on `interface` that hears the given ICMPv6 `types` and nothing else, and
  /// is a member of `groups` there. It hears with accept_ra=0 too. Errors: no such interface, not
  /// permitted (CAP_NET_RAW).
  static Result<Icmpv6Socket> open(const std::string& interface,
                                   std::initializer_list<std::uint8_t> types,
                                   std::initializer_list<IpAddress> groups);

  int fd() const { return fd_.get(); }
  /// The next message that waits; nothing when none does, or many in a row had to be passed over.
  /// Passed over and counted are messages with another hop limit than 255 and those that came in
  /// fragments (RFC 6980).
  Result<std::optional<Received>> receive();
  /// Sends with hop limit 255 from `source`, an address of the interface that is not tentative.
  Result<void> send(std::span<const std::uint8_t> message, const IpAddress& source,
                    const IpAddress& destination);
  /// Messages that may have come from beyond this link, since it was opened.
  std::uint64_t from_elsewhere() const { return from_elsewhere_; }

 private:
  Icmpv6Socket(UniqueFd fd, unsigned ifindex) : fd_(std::move(fd)), ifindex_(ifindex) {}
  UniqueFd fd_;
  unsigned ifindex_ = 0;
  std::uint64_t from_elsewhere_ = 0;
};

/// ff02::1 and ff02::2 (RFC 4291 section 2.7.1).
IpAddress all_nodes();
IpAddress all_routers();

}  // namespace anabranch::kernel
