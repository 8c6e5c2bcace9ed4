// SPDX-License-Identifier: MIT
// The TCP segments of a probe (RFC 9293 section 3.1): the SYN that asks, the answer to it, the
// reset that ends what the answer began. Bytes only; the IP header is the kernel's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ip.hpp"
#include "probe/sequence.hpp"

namespace anabranch::probe {

/// Header and options of our SYN: maximum segment size, window scale, SACK permitted.
inline constexpr unsigned kSynOctets = 32;

/// Octets of an IP header without options.
constexpr unsigned ip_header_octets(Family family) {
  return family == Family::kIpv4 ? 20 : 40;
}

/// A SYN of `flow` with `payload` octets of zeros. A receiver acknowledges the SYN and drops the
/// payload (RFC 9293 section 3.10.7.2 lets it keep it, without a handshake nobody gets it).
std::vector<std::uint8_t> build_syn(const Flow& flow, std::uint32_t sequence, unsigned payload = 0);

/// A reset of `flow` at `sequence`.
std::vector<std::uint8_t> build_reset(const Flow& flow, std::uint32_t sequence);

/// What came back from a peer.
struct Reply {
  std::uint16_t remote_port = 0;
  std::uint16_t local_port = 0;
  std::uint32_t acknowledged = 0;  ///< next sequence number the peer expects of us
  bool reset = false;              ///< RST, else SYN/ACK
  bool operator==(const Reply&) const = default;
};

/// A TCP segment that can be an answer to a SYN: SYN/ACK or RST with ACK. Nothing for any other and
/// for what is no whole TCP header. The checksum is not looked at: a sender on the same machine
/// leaves it unfinished, and the number that is acknowledged tells more.
std::optional<Reply> parse_reply(std::span<const std::uint8_t> segment);

/// The TCP segment in an IPv4 packet; empty for anything else and for later fragments.
std::span<const std::uint8_t> tcp_of_ipv4(std::span<const std::uint8_t> packet);

/// Of a TCP segment whose checksum field is zero (or that is whole: then the result is zero), in
/// host order, with the pseudo header of `flow`.
std::uint16_t tcp_checksum(const Flow& flow, std::span<const std::uint8_t> segment);

}  // namespace anabranch::probe
