// SPDX-License-Identifier: MIT
// A DHCPv6 message (RFC 8415) as a value, and its octets. What the client decides with; how it lies
// in a frame is dhcp6_packet.hpp's business.
//
// What a server says about a network lies in the message itself or in a container for one
// provisioning domain (OPTION_PVD, draft-ietf-mif-mpvd-dhcp-support; code points of our own choice,
// there are none assigned). EXT_ROUTE and converters are sub-options of the vendor options (17) in
// either place.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "wire/ext_route.hpp"

namespace anabranch::host {

namespace dhcp6 {
// Option codes that a client asks for (RFC 8415 section 24, RFC 3646).
inline constexpr std::uint16_t kVendorOptions = 17;
inline constexpr std::uint16_t kDnsServers = 23;
inline constexpr std::uint16_t kDomainList = 24;
inline constexpr std::uint16_t kSolMaxRt = 82;
inline constexpr std::uint16_t kPvd = 65001;

/// The enterprise number for documentation (RFC 5612), under which EXT_ROUTE is sub-option 1.
inline constexpr std::uint32_t kEnterprise = 32473;
inline constexpr std::uint16_t kExtRoute = 1;

/// A lifetime that means for ever (RFC 8415 section 7.7).
inline constexpr seconds kInfinity{0xffffffff};
}  // namespace dhcp6

enum class Dhcp6Type : std::uint8_t {
  kSolicit = 1,
  kAdvertise = 2,
  kRequest = 3,
  kConfirm = 4,
  kRenew = 5,
  kRebind = 6,
  kReply = 7,
  kRelease = 8,
  kDecline = 9,
  kReconfigure = 10,
  kInformationRequest = 11,
};

/// RFC 8415 section 21.13. Codes that we do not know stay as they are.
struct Dhcp6Status {
  static constexpr std::uint16_t kSuccess = 0;
  static constexpr std::uint16_t kUnspecFail = 1;
  static constexpr std::uint16_t kNoAddrsAvail = 2;
  static constexpr std::uint16_t kNoBinding = 3;
  static constexpr std::uint16_t kNotOnLink = 4;
  static constexpr std::uint16_t kUseMulticast = 5;
  static constexpr std::uint16_t kNoPrefixAvail = 6;

  std::uint16_t code = kSuccess;
  std::string text = {};

  bool operator==(const Dhcp6Status&) const = default;
};

/// An address (IAADDR) or a delegated prefix (IAPREFIX) with its lifetimes.
struct Dhcp6Lease {
  IpPrefix prefix;  ///< an address: with all its bits
  seconds preferred{};
  seconds valid{};
  std::optional<Dhcp6Status> status = std::nullopt;

  bool operator==(const Dhcp6Lease&) const = default;
};

/// IA_NA or IA_PD.
struct Dhcp6Association {
  std::uint32_t iaid = 0;
  seconds t1{};
  seconds t2{};
  std::vector<Dhcp6Lease> leases = {};
  std::optional<Dhcp6Status> status = std::nullopt;

  bool operator==(const Dhcp6Association&) const = default;
};

/// What is said about one network.
struct Dhcp6Configuration {
  std::vector<Dhcp6Association> addresses = {};  ///< IA_NA
  std::vector<Dhcp6Association> prefixes = {};   ///< IA_PD
  std::optional<wire::ExtRoute> ext_route = std::nullopt;
  std::vector<IpAddress> converters = {};  ///< as wire::decode_converters6() has them
  std::optional<std::uint16_t> converter_port = std::nullopt;
  std::vector<IpAddress> dns = {};
  std::vector<std::string> search = {};  ///< domains without the final dot
  std::optional<Dhcp6Status> status = std::nullopt;

  bool operator==(const Dhcp6Configuration&) const = default;
  /// The IA_NA of that IAID; null when there is none.
  const Dhcp6Association* association(std::uint32_t iaid) const;
};

/// A provisioning domain's container.
struct Dhcp6Domain {
  std::uint8_t id_type = 0;  ///< draft-ietf-mif-mpvd-id: 1 UUID, 2 text, ... 5 FQDN
  std::vector<std::uint8_t> id;
  Dhcp6Configuration configuration = {};

  bool operator==(const Dhcp6Domain&) const = default;
};

struct Dhcp6Message {
  using Octets = std::vector<std::uint8_t>;

  Dhcp6Type type = Dhcp6Type::kSolicit;
  std::uint32_t transaction = 0;                           ///< 24 bits
  Octets client = {};                                      ///< DUID; empty: not there
  Octets server = {};                                      ///< DUID; empty: not there
  std::optional<milliseconds> elapsed = std::nullopt;      ///< since the exchange began, to 10 ms
  std::optional<std::uint8_t> preference = std::nullopt;   ///< of a server
  std::vector<std::uint16_t> requested = {};               ///< options asked for (ORO)
  bool rapid_commit = false;                               ///< an exchange of two messages
  std::optional<std::uint32_t> sol_max_rt = std::nullopt;  ///< seconds between Solicits, at most
  Dhcp6Configuration outside = {};                         ///< of any container
  std::vector<Dhcp6Domain> domains = {};

  bool operator==(const Dhcp6Message&) const = default;

  /// What is said about path `index`: in a container with its EXT_ROUTE, or else outside. Null when
  /// neither has it.
  const Dhcp6Configuration* of_path(std::uint8_t index) const;
};

/// The UDP payload. Nothing for a message with more than an option can hold, or a search domain
/// that is no domain name.
std::optional<std::vector<std::uint8_t>> encode_dhcp6(const Dhcp6Message& message);

/// Nothing for what is no message between client and server, or has an option that ends behind the
/// message. Of an option that may be there once the first one counts. An option whose value is
/// malformed is left out, an IA or container with such a length inside it altogether; so is a
/// container with no id, with two, or with the id of one before it.
std::optional<Dhcp6Message> decode_dhcp6(std::span<const std::uint8_t> octets);

}  // namespace anabranch::host
