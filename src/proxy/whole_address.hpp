// SPDX-License-Identifier: MIT
// All TCP ports of an address, led to one listening socket, as lines of an nft table. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "proxy/rule_settings.hpp"

namespace anabranch::proxy {

struct WholeAddress {
  IpAddress address;
  std::uint16_t led_to = 0;                ///< port of a transparent listener on loopback
  std::vector<std::uint16_t> except = {};  ///< ports that are left to whom they belong
  std::vector<IpAddress> from = {};        ///< who connects there; empty: anybody
};

/// For a chain at the hook prerouting: SYNs get `mark` and go to the listener.
std::string whole_address_lines(std::span<const WholeAddress> addresses, std::uint32_t mark);

/// Ports of `listening` that are ports of `address`, too.
std::vector<std::uint16_t> ports_at(const IpAddress& address, std::span<const Endpoint> listening);

}  // namespace anabranch::proxy
