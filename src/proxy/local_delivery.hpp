// SPDX-License-Identifier: MIT
// Leads packets with a mark to this machine, whoever's address they are for: what transparent
// sockets need beside nft, which sets the mark.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace anabranch::proxy {

struct LocalDelivery {
  std::uint32_t mark = 0;
  std::uint32_t table = 0;
  std::uint32_t rule = 0;  ///< its priority

  /// IPv4 and IPv6; what is there already is no error.
  Result<void> add() const;
  Result<void> remove() const;
};

}  // namespace anabranch::proxy
