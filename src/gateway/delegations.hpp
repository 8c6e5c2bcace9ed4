// SPDX-License-Identifier: MIT
// Which prefixes our DHCPv6 server has delegated, and through whom each is reached: the address
// that the same client has on the LAN. A server makes no routes, and nobody else here knows (RFC
// 8415 section 6.3 leaves it to the delegating router). From Kea's file of leases; pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"

namespace anabranch::gateway {

struct Delegation {
  IpPrefix prefix;
  IpAddress via;
  bool operator==(const Delegation&) const = default;
};

/// A line of Kea's DHCPv6 memfile.
struct Lease6 {
  IpPrefix prefix;         ///< an address is one of 128 bits
  bool delegated = false;  ///< IA_PD, else IA_NA
  std::string duid;
  unsigned subnet = 0;  ///< the index of the path
  seconds expires{0};   ///< since 1970
  bool ended = false;   ///< given back, declined or reclaimed
};
/// Nothing for the heading, for temporary addresses and for what is no lease.
std::optional<Lease6> journal_lease6(std::string_view line);

class Delegations {
 public:
  /// True when routes() may have changed.
  bool note(const Lease6& lease, seconds now);
  /// By prefix. Prefixes of clients without an address of the same path are not among them.
  std::vector<Delegation> routes() const;
  void clear();

 private:
  using Client = std::pair<std::string, unsigned>;  ///< DUID and path
  std::map<Client, IpAddress> addresses_;           ///< the last one given
  std::map<IpPrefix, Client> prefixes_;
};

}  // namespace anabranch::gateway
