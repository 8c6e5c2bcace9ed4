// SPDX-License-Identifier: MIT
// The address that a converter's connections to servers come from (RFC 8803 section 4.4).
#pragma once

#include <span>

#include "base/ip.hpp"

namespace anabranch::proxy {

enum class SourceMode : std::uint8_t {
  kSharing,       ///< one of ours
  kPreservation,  ///< the client's own
};

/// The address of `pool` that `client` has for its life (RFC 6888 REQ-2, "paired"): servers that
/// compare the addresses of several connections see one client. Null: none of that family.
const IpAddress* paired_address(std::span<const IpAddress> pool, const IpAddress& client,
                                Family family);

}  // namespace anabranch::proxy
