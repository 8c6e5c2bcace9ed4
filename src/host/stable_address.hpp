// SPDX-License-Identifier: MIT
// Interface identifiers that are stable in one network and tell nothing in another one (RFC 7217).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/ip.hpp"

namespace anabranch::host {

using AddressSecret = std::array<std::uint8_t, 32>;

/// The secret in `file`, made if there is none. Where it cannot be kept, one for this run, with a
/// warning: addresses will be others after a restart.
AddressSecret load_or_make_secret(const std::filesystem::path& file);

/// What an address is made for, beside its prefix.
struct AddressPlace {
  std::string interface;  ///< the physical one
  unsigned path = 0;      ///< index
  std::string network;    ///< id of the provisioning domain
};

struct StableAddress {
  IpAddress address;
  unsigned counter = 0;  ///< DAD_Counter it was made with
};

/// The address in `prefix` (64 bits long) for a DAD_Counter of `counter`, or the next one whose
/// identifier is not reserved. Always the same for the same arguments.
StableAddress stable_address(const AddressSecret& secret, const IpPrefix& prefix,
                             const AddressPlace& place, unsigned counter);

/// Of RFC 5453 and the registry it made: subnet anycast and the range of proxied mobility.
bool is_reserved_identifier(std::span<const std::uint8_t, 8> identifier);

}  // namespace anabranch::host
