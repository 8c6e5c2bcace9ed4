// SPDX-License-Identifier: MIT
// ICMP echo (RFC 792, RFC 4443 section 4): the question, and the answer to it. Bytes only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ip.hpp"

namespace anabranch::probe {

/// What an answer has to repeat. Nobody off the path can guess it.
struct Echo {
  std::uint16_t identifier = 0;
  std::uint16_t sequence = 0;
  std::uint64_t cookie = 0;
  bool operator==(const Echo&) const = default;
};

/// An echo request. The checksum is that of ICMPv4; of ICMPv6 it is left to the kernel, which knows
/// the addresses.
std::vector<std::uint8_t> build_echo(Family family, const Echo& echo);

/// What an echo reply repeats. Nothing for every other message and for replies that have not our
/// length. Neither checksum is looked at: the kernel has seen to it.
std::optional<Echo> parse_echo_reply(Family family, std::span<const std::uint8_t> message);

/// The ICMP message in an IPv4 packet; empty for anything else and for later fragments.
std::span<const std::uint8_t> icmp_of_ipv4(std::span<const std::uint8_t> packet);

}  // namespace anabranch::probe
