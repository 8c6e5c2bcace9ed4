// SPDX-License-Identifier: MIT
// A DHCPv4 lease of one path.
#pragma once

#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/ip.hpp"
#include "base/units.hpp"
#include "host/dhcp_message.hpp"
#include "wire/classless_routes.hpp"
#include "wire/ext_route.hpp"

namespace anabranch::host {

struct Lease {
  IpPrefix address;  ///< with the length of the subnet mask
  /// Routes beyond the subnet: option 121, or else a default route by option 3 and option 33.
  std::vector<wire::ClasslessRoute> routes;
  wire::ExtRoute route;
  OutgoingMessage::Server server;
  MonotonicTime obtained;  ///< when the request was sent that the server granted (RFC 2131 4.4.1)
  /// Nothing means for ever: the lease has no timers.
  std::optional<seconds> duration;
  std::optional<seconds> renewal;         ///< T1 after `obtained`
  std::optional<seconds> rebinding;       ///< T2 after `obtained`
  std::vector<Endpoint> converters = {};  ///< that came with it

  bool operator==(const Lease&) const = default;

  /// The router of the default route.
  std::optional<IpAddress> router() const;
  MonotonicTime renews() const { return after(renewal); }
  MonotonicTime rebinds() const { return after(rebinding); }
  MonotonicTime expires() const { return after(duration); }
  /// Whole seconds left; never negative.
  std::optional<seconds> remaining(MonotonicTime now) const;
  /// The same address and routes: a renewal that changes nothing for packets.
  bool same_network(const Lease& other) const;

 private:
  MonotonicTime after(std::optional<seconds> time) const {
    return time ? obtained + *time : MonotonicTime::max();
  }
};

/// Reads what an OFFER or ACK grants. Nothing when it carries no EXT_ROUTE, no lease time or one of
/// 0, or no address that a host can have: none of 0/8, 127/8, multicast and reserved, not the first
/// or last of its subnet, not the server's or a router's own. A mask that is none (missing, with
/// holes, shorter than 8 bits) counts as 32 bits, senseless T1 and T2 as not given, and routes over
/// a router that cannot be one are left out.
std::optional<Lease> lease_from(const DhcpMessage& message, const MacAddress& server,
                                std::uint8_t ext_route_code, MonotonicTime requested);

}  // namespace anabranch::host
