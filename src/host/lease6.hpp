// SPDX-License-Identifier: MIT
// An IPv6 address that a DHCPv6 server has leased to one path (RFC 8415 section 18.2.10).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/ip.hpp"
#include "base/units.hpp"
#include "host/dhcp6_message.hpp"
#include "wire/ext_route.hpp"

namespace anabranch::host {

struct Lease6 {
  IpAddress address;
  wire::ExtRoute route;
  std::vector<std::uint8_t> server;  ///< its DUID
  std::vector<IpAddress> resolvers = {};
  std::vector<Endpoint> converters = {};
  MonotonicTime obtained{};  ///< when the message was sent that the server granted
  /// Times after `obtained`; nothing means for ever.
  std::optional<seconds> preferred = std::nullopt;  ///< for new connections
  std::optional<seconds> valid = std::nullopt;
  std::optional<seconds> renewal = std::nullopt;    ///< T1
  std::optional<seconds> rebinding = std::nullopt;  ///< T2

  bool operator==(const Lease6&) const = default;

  MonotonicTime renews() const { return after(renewal); }
  MonotonicTime rebinds() const { return after(rebinding); }
  MonotonicTime expires() const { return after(valid); }
  /// Whole seconds left; never negative. Nothing: for ever.
  std::optional<seconds> remaining(MonotonicTime now) const { return left(valid, now); }
  std::optional<seconds> remaining_preferred(MonotonicTime now) const {
    return left(preferred, now);
  }

 private:
  MonotonicTime after(std::optional<seconds> time) const {
    return time ? obtained + *time : MonotonicTime::max();
  }
  std::optional<seconds> left(std::optional<seconds> time, MonotonicTime now) const;
};

/// What to look for in an answer.
struct LeaseRequest {
  std::uint8_t index = 0;  ///< of the path
  std::uint32_t iaid = 0;
  /// The address that is held or asked for; taken before any other.
  std::optional<IpAddress> address = std::nullopt;
  /// False for an address this host must not take. None: it may take every one.
  std::function<bool(const IpAddress&)> acceptable = {};
};

/// Reads what an ADVERTISE or REPLY grants to path `index`, `sent` being when it was asked for: the
/// first address that can be a host's. Nothing when there is no EXT_ROUTE with that index, no IA_NA
/// of that IAID, one whose T1 is later than its T2, or no address with time left; addresses that
/// are preferred for longer than they are valid do not count.
///
/// T1 and T2 that are 0 are our own choice (half and four fifths of the preferred lifetime, or of
/// the valid one when that is no time), as are those that lie behind the end.
std::optional<Lease6> lease6_from(const Dhcp6Message& message, const LeaseRequest& request,
                                  MonotonicTime sent);

/// Of `association`, whether `address` is told to be over: valid for 0 s.
bool is_withdrawn(const Dhcp6Association& association, const IpAddress& address);

}  // namespace anabranch::host
