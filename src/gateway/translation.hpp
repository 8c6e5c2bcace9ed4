// SPDX-License-Identifier: MIT
// Translation of source addresses, as nft rules that one uplink's change touches only its part of:
//
//   map by_source { 10.1.0.0/16 : goto from-1, 10.2.0.0/16 : goto from-2 }
//   map by_target { 100.65.0.0/16 : goto to-2 }
//   chain postrouting { nat hook; ip saddr vmap @by_source }
//   chain prerouting  { nat hook; ip daddr vmap @by_target }
//   chain from-1 { oifname "up1" masquerade }
//   chain from-2 { oifname "up2" snat to its external prefix, one to one
//                  oifname "up1" masquerade }                     <- fail_open
//   chain to-2   { iifname "up2" dnat to its source prefix, one to one }
//
// A host that fails open into an uplink with a prefix of its own comes out behind one address of
// that prefix, the one that belongs to the router: no other host has it, and the provider routes it
// to us.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// What happens to the packets of one source prefix.
struct PathTranslation {
  unsigned index = 0;
  IpPrefix source;
  std::vector<std::string> outgoing;  ///< rules of chain from-<index>; never empty
  std::optional<IpPrefix> external;   ///< translated one to one
  std::vector<std::string> incoming;  ///< rules of chain to-<index>; empty without `external`
  bool operator==(const PathTranslation&) const = default;
};

/// By index; paths that are never translated are not in it.
using Translation = std::vector<PathTranslation>;

Translation make_translation(const Settings& settings);

/// The address of `uplink`'s external prefix that stands for hosts of other prefixes.
IpAddress stand_in(const Uplink& uplink);

/// nft's text form of one transaction after which our table holds `wanted` and nothing else,
/// whatever there was before. No table for an empty one.
std::string nft_replacement(const Translation& wanted);

/// The same for a table that holds `present`, with no more changes than needed; empty for none.
std::string nft_difference(const Translation& present, const Translation& wanted);

}  // namespace anabranch::gateway
