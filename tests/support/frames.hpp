// SPDX-License-Identifier: MIT
// Ethernet frames as a client, a router or somebody hostile would send them. Checksums are left
// zero: nobody who steers looks at them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "support/hex.hpp"

namespace anabranch::test {

using Octets = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::uint8_t kTcp = 6;

/// What Linux puts into a SYN beside MPTCP: maximum segment size, SACK, timestamps, window scale.
inline const Octets kUsualOptions = hex("020405b4 0402 080a 00000001 00000000 01 030307");
inline const Octets kMpCapable = hex("1e04 0181");
inline const Octets kMpJoin = hex("1e0c 1002 a1b2c3d4 01020304");
inline constexpr std::uint32_t kJoinToken = 0xa1b2c3d4;

inline Octets operator+(Octets first, const Octets& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
inline Octets word(std::uint16_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
inline Octets octets_of(const IpAddress& address) {
  return {address.octets().begin(), address.octets().end()};
}
inline Endpoint at(std::string_view text) {
  return Endpoint::parse(text).value();
}

/// A TCP header with options, padded by kind 0, and some payload.
struct Segment {
  Endpoint from;
  Endpoint to;
  std::uint8_t flags = kAck;
  Octets options = {};
  std::size_t payload = 0;

  Octets octets() const {
    Octets padded = options;
    while (padded.size() % 4 != 0) padded.push_back(0);
    const auto words = static_cast<std::uint8_t>(5 + padded.size() / 4);
    return word(from.port) + word(to.port) + Octets(8) +
           Octets{static_cast<std::uint8_t>(words << 4), flags} + Octets(6) + padded +
           Octets(payload, 'x');
  }
};

/// What may be odd about an IP header.
struct Envelope {
  std::uint8_t protocol = kTcp;  ///< of what is inside, behind all extension headers
  std::uint16_t fragment = 0;    ///< IPv4: flags and offset as the header has them
  Octets extra = {};             ///< IPv4: options; IPv6: extension headers
  std::uint8_t first_extra = 0;  ///< IPv6: kind of the first extension header
  int length_error = 0;          ///< how much more the header says than there is
};

inline Octets ip_packet(const IpAddress& from, const IpAddress& to, const Octets& inside,
                        const Envelope& envelope = {}) {
  const auto length = [&](std::size_t octets) {
    return word(static_cast<std::uint16_t>(static_cast<int>(octets) + envelope.length_error));
  };
  if (from.is_v4()) {
    const auto words = static_cast<std::uint8_t>(0x45 + envelope.extra.size() / 4);
    return Octets{words, 0} + length(20 + envelope.extra.size() + inside.size()) + word(1) +
           word(envelope.fragment) + Octets{64, envelope.protocol} + word(0) + octets_of(from) +
           octets_of(to) + envelope.extra + inside;
  }
  const auto next = envelope.extra.empty() ? envelope.protocol : envelope.first_extra;
  return Octets{0x60, 0, 0, 0} + length(envelope.extra.size() + inside.size()) + Octets{next, 64} +
         octets_of(from) + octets_of(to) + envelope.extra + inside;
}

inline Octets ethernet(const Octets& packet) {
  const bool is_v4 = packet.at(0) >> 4 == 4;
  return hex("020000000001 020000000002") + word(is_v4 ? 0x0800 : 0x86dd) + packet;
}

inline Octets frame(const Segment& segment, const Envelope& envelope = {}) {
  return ethernet(ip_packet(segment.from.address, segment.to.address, segment.octets(), envelope));
}

/// "Packet too big" from a router, about a segment that a server has sent from `service` to
/// `client`; it quotes no more than it must.
inline Octets too_big(const Endpoint& client, const Endpoint& service) {
  const bool is_v4 = client.address.is_v4();
  const Segment sent{service, client, kAck, {}, 1400};
  auto quoted = ip_packet(service.address, client.address, sent.octets());
  quoted.resize((is_v4 ? 20U : 40U) + 8U);
  const Octets error = is_v4 ? hex("0304 0000 0000 0514") : hex("0200 0000 00000514");
  const auto router = IpAddress::parse(is_v4 ? "203.0.113.254" : "2001:db8:ffff::1").value();
  return ethernet(ip_packet(router, service.address, error + quoted,
                            {.protocol = static_cast<std::uint8_t>(is_v4 ? 1 : 58)}));
}

}  // namespace anabranch::test
