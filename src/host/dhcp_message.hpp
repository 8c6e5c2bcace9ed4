// SPDX-License-Identifier: MIT
// A DHCPv4 message (RFC 2131, options of RFC 2132) as a value: what the client and the discovery
// decide with. How it lies in a frame is dhcp_packet.hpp's business.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"

namespace anabranch::host {

namespace dhcp {
// Option codes.
inline constexpr std::uint8_t kSubnetMask = 1;
inline constexpr std::uint8_t kRouter = 3;
inline constexpr std::uint8_t kStaticRoutes = 33;
inline constexpr std::uint8_t kRequestedAddress = 50;
inline constexpr std::uint8_t kLeaseTime = 51;
inline constexpr std::uint8_t kServerId = 54;
inline constexpr std::uint8_t kParameterList = 55;
inline constexpr std::uint8_t kMaximumSize = 57;
inline constexpr std::uint8_t kRenewalTime = 58;
inline constexpr std::uint8_t kRebindingTime = 59;
inline constexpr std::uint8_t kClientId = 61;
inline constexpr std::uint8_t kClasslessRoutes = 121;
}  // namespace dhcp

enum class DhcpType : std::uint8_t {
  kDiscover = 1,
  kOffer = 2,
  kRequest = 3,
  kDecline = 4,
  kAck = 5,
  kNak = 6,
  kRelease = 7,
  kInform = 8,
};

struct DhcpMessage {
  using Octets = std::vector<std::uint8_t>;

  DhcpType type = DhcpType::kDiscover;
  std::uint32_t xid = 0;
  std::uint16_t elapsed_s = 0;  ///< since the client began ("secs")
  bool broadcast = false;       ///< the answer shall be broadcast: the client has no address yet
  IpAddress client;             ///< ciaddr: the address the client holds
  IpAddress assigned;           ///< yiaddr: the address the server gives
  MacAddress hardware;          ///< chaddr
  /// By code, without message type (53), pad and end; parts of a long option are joined (RFC 3396).
  std::map<std::uint8_t, Octets> options = {};

  bool operator==(const DhcpMessage&) const = default;

  /// A server's message (BOOTREPLY, to port 68).
  bool reply() const {
    return type == DhcpType::kOffer || type == DhcpType::kAck || type == DhcpType::kNak;
  }
  /// Null when absent.
  const Octets* option(std::uint8_t code) const;
  std::optional<IpAddress> address_option(std::uint8_t code) const;
  std::optional<std::uint32_t> number_option(std::uint8_t code) const;
  void set_address(std::uint8_t code, const IpAddress& address);
};

/// A message to send: broadcast, or in a frame straight to a server that is known.
struct OutgoingMessage {
  struct Server {
    IpAddress address;
    MacAddress mac;
    bool operator==(const Server&) const = default;
  };
  DhcpMessage message;
  std::optional<Server> to = std::nullopt;
};

/// The parameter request list (option 55) of every question: what a lease needs, EXT_ROUTE, and
/// converters. The classless routes come before the routers and static routes they replace (RFC
/// 3442).
DhcpMessage::Octets parameter_list(std::uint8_t ext_route_code);

}  // namespace anabranch::host
