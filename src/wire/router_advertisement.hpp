// SPDX-License-Identifier: MIT
// Router Advertisements (RFC 4861 section 4.2) with provisioning domains (RFC 8801) and the path
// each of them leads to (EXT_ROUTE, draft-wr-mptcp-single-homed). One codec for both ends: the
// gateway encodes, the host decodes.
//
// A domain's options are nested in its PvD option; whoever does not know that option skips it with
// everything inside. Hostile input is the normal case on a shared link: decoding never trusts a
// length, and says nothing for a packet that breaks a MUST of RFC 4861 section 6.1.2.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "wire/ext_route.hpp"

namespace anabranch::wire {

/// A lifetime on the wire that means for ever (RFC 4861 section 4.6.2).
inline constexpr seconds kForever{0xffffffff};

/// RFC 4861 section 4.2, with the preference of RFC 4191 section 2.2.
struct RouterHeader {
  enum class Preference : std::uint8_t { kMedium = 0, kHigh = 1, kLow = 3 };

  std::uint8_t hop_limit = 0;  ///< 0: unspecified
  bool managed = false;        ///< M: addresses by DHCPv6
  bool other = false;          ///< O: other configuration by DHCPv6
  Preference preference = Preference::kMedium;
  seconds lifetime{};  ///< as a default router, at most 65535 s; zero: not one
  std::uint32_t reachable_ms = 0;
  std::uint32_t retransmit_ms = 0;

  bool operator==(const RouterHeader&) const = default;
};

/// RFC 4861 section 4.6.2.
struct PrefixInformation {
  IpPrefix prefix;
  bool on_link = false;     ///< L
  bool autonomous = false;  ///< A: addresses by SLAAC
  seconds valid{};
  seconds preferred{};

  bool operator==(const PrefixInformation&) const = default;
};

/// RFC 4191 section 2.3.
struct RouteInformation {
  IpPrefix prefix;
  RouterHeader::Preference preference = RouterHeader::Preference::kMedium;
  seconds lifetime{};

  bool operator==(const RouteInformation&) const = default;
};

/// RFC 8106 section 5.1.
struct DnsServers {
  seconds lifetime{};
  std::vector<IpAddress> addresses;

  bool operator==(const DnsServers&) const = default;
};

/// RFC 8106 section 5.2. Domains without the final dot.
struct DnsSearchList {
  seconds lifetime{};
  std::vector<std::string> domains;

  bool operator==(const DnsSearchList&) const = default;
};

/// The options we know, in the order of the packet within each kind.
struct RouterOptions {
  std::optional<MacAddress> source_link_address;
  std::optional<std::uint32_t> mtu;
  std::vector<PrefixInformation> prefixes;
  std::vector<RouteInformation> routes;
  std::vector<DnsServers> dns;
  std::vector<DnsSearchList> search;
  std::optional<ExtRoute> ext_route;  ///< ND option 253 with our magic; counts inside a PvD only

  bool operator==(const RouterOptions&) const = default;
};

/// RFC 8801 section 3.1.
struct ProvisioningDomain {
  std::string id;                      ///< FQDN as written, lower case, without the final dot
  bool http = false;                   ///< H: further information over HTTPS
  bool legacy = false;                 ///< L: the DHCPv4 configuration belongs to this domain
  std::uint8_t delay = 0;              ///< 0..15
  std::uint16_t sequence = 0;          ///< 0 without H
  std::optional<RouterHeader> header;  ///< R: instead of the outer one
  RouterOptions options;

  bool operator==(const ProvisioningDomain&) const = default;
};

struct RouterAdvertisement {
  RouterHeader header;
  RouterOptions options;                     ///< outside of any domain
  std::optional<ProvisioningDomain> domain;  ///< the first one; further ones are ignored

  /// What holds inside the domain: its own header or else the outer one.
  const RouterHeader& domain_header() const {
    return domain && domain->header ? *domain->header : header;
  }
  bool operator==(const RouterAdvertisement&) const = default;
};

/// The ICMPv6 message from its type on; the checksum is left to the kernel (zero). A domain id that
/// is no domain name, or more than an option can hold: nothing.
std::optional<std::vector<std::uint8_t>> encode(const RouterAdvertisement& advertisement);

/// `message` from the ICMPv6 type on, as a raw ICMPv6 socket gives it. The caller has looked at the
/// hop limit (255), the checksum and the source (link-local). Nothing for what is no valid Router
/// Advertisement. Options with a wrong length of their own kind are skipped, and those inside a
/// domain that break the length of the domain make the domain void (`domain` empty), as does a PvD
/// id that is no domain name. A PvD option inside a PvD option is skipped.
std::optional<RouterAdvertisement> decode_router_advertisement(
    std::span<const std::uint8_t> message);

/// EXT_ROUTE as ND option: type 253 (RFC 4727), magic 0x4552, version 1.
inline constexpr std::uint8_t kNdExtRoute = 253;
/// The PvD option's type (RFC 8801 section 5.1).
inline constexpr std::uint8_t kNdPvd = 21;

/// Router Solicitation (RFC 4861 section 4.1), with the sender's link address when it has one to
/// tell.
std::vector<std::uint8_t> encode_router_solicitation(
    const std::optional<MacAddress>& source_link_address);
/// Whether the message is a valid Router Solicitation of `source`, which may be the unspecified
/// address. The caller has looked at the hop limit and the checksum.
bool is_router_solicitation(std::span<const std::uint8_t> message, const IpAddress& source);

}  // namespace anabranch::wire
