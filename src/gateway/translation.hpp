// SPDX-License-Identifier: MIT
// Translation of source addresses, as nft rules that one uplink's change touches only its part of.
// A table for each family, ip and ip6:
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
// and one of family netdev for IPv6 that is translated without state, at the interface itself:
//
//   chain out-2  { egress of up2;  ip6 saddr set to the external prefix, the other bits as they are
//   } chain in-2   { ingress of up2; ip6 daddr set to the source prefix }
//
// nft mends the checksums; this is not the checksum-neutral mapping of RFC 6296. What an ICMPv6
// error quotes is not looked into without state, so that the MTU of a path beyond the uplink is not
// learnt: TCP's segments are held to the uplink's own MTU.
//
// A host that fails open into an uplink with a prefix of its own comes out behind one address of
// that prefix, the one that belongs to the router: no other host has it, and the provider routes it
// to us. IPv6 has such an address behind every uplink.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/settings.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::gateway {

/// At the interface itself, without state.
struct StatelessTranslation {
  std::string interface;
  unsigned ifindex = 0;  ///< an interface that comes back has lost its chains
  std::vector<std::string> outgoing;
  std::vector<std::string> incoming;
  bool operator==(const StatelessTranslation&) const = default;
};

/// What happens to the packets of one source prefix.
struct PathTranslation {
  std::string name;  ///< of its chains: the path's index, with a word for a further prefix
  IpPrefix source;
  std::vector<std::string> outgoing;  ///< rules of chain from-<name>
  std::optional<IpPrefix> external;   ///< translated one to one with state
  std::vector<std::string> incoming;  ///< rules of chain to-<name>; empty without `external`
  std::optional<StatelessTranslation> stateless = std::nullopt;
  bool operator==(const PathTranslation&) const = default;
};

/// By index; paths that are never translated are not in it.
using Translation = std::vector<PathTranslation>;

/// `links` are asked for the interfaces of uplinks that translate without state: one that is not
/// there cannot have its rules yet.
Translation make_translation(const Settings& settings,
                             std::span<const kernel::LinkInfo> links = {});

/// The address of `uplink`'s external prefix that stands for hosts of other prefixes.
IpAddress stand_in(const Uplink& uplink);

/// Families that there may be a table of ours in: "ip", "ip6", "netdev".
std::span<const std::string_view> nft_families();
/// Those that `translation` has rules in.
std::vector<std::string_view> nft_families_of(const Translation& translation);

/// nft's text form of one transaction after which our table of the family holds what is `wanted`
/// there and nothing else, whatever there was before. No table for nothing.
std::string nft_replacement(const Translation& wanted, std::string_view family);

/// The same for tables that hold `present`, with no more changes than needed; empty for none.
std::string nft_difference(const Translation& present, const Translation& wanted);

}  // namespace anabranch::gateway
