// SPDX-License-Identifier: MIT
#include "probe/echo.hpp"

#include <cstddef>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

namespace anabranch::probe {
namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kWhole = kHeader + sizeof(std::uint64_t);
constexpr std::size_t kChecksum = 2;
constexpr std::size_t kIdentifier = 4;
constexpr std::size_t kSequence = 6;

template <class Number>
void put(std::vector<std::uint8_t>& out, std::size_t at, Number value) {
  for (std::size_t i = sizeof value; i-- > 0; value = static_cast<Number>(value >> 8))
    out[at + i] = static_cast<std::uint8_t>(value);
}

template <class Number>
Number get(std::span<const std::uint8_t> octets, std::size_t at) {
  Number out = 0;
  for (std::size_t i = 0; i < sizeof out; ++i)
    out = static_cast<Number>(static_cast<std::uint64_t>(out) << 8 | octets[at + i]);
  return out;
}

/// RFC 1071, over an even number of octets.
std::uint16_t checksum(std::span<const std::uint8_t> octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < octets.size(); i += 2) sum += get<std::uint16_t>(octets, i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::vector<std::uint8_t> build_echo(Family family, const Echo& echo) {
  const bool v4 = family == Family::kIpv4;
  std::vector<std::uint8_t> out(kWhole);
  out[0] = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
  put(out, kIdentifier, echo.identifier);
  put(out, kSequence, echo.sequence);
  put(out, kHeader, echo.cookie);
  if (v4) put(out, kChecksum, checksum(out));
  return out;
}

std::optional<Echo> parse_echo_reply(Family family, std::span<const std::uint8_t> message) {
  const std::uint8_t reply = family == Family::kIpv4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
  if (message.size() != kWhole || message[0] != reply || message[1] != 0) return std::nullopt;
  return Echo{get<std::uint16_t>(message, kIdentifier), get<std::uint16_t>(message, kSequence),
              get<std::uint64_t>(message, kHeader)};
}

std::span<const std::uint8_t> icmp_of_ipv4(std::span<const std::uint8_t> packet) {
  constexpr std::size_t kShortest = 20;
  constexpr std::size_t kProtocol = 9;
  constexpr std::size_t kFragment = 6;
  if (packet.size() < kShortest || packet[0] >> 4 != 4 || packet[kProtocol] != IPPROTO_ICMP)
    return {};
  if ((get<std::uint16_t>(packet, kFragment) & 0x1fff) != 0) return {};
  const std::size_t header = std::size_t{4} * (packet[0] & 0x0f);
  if (header < kShortest || header > packet.size()) return {};
  return packet.subspan(header);
}

}  // namespace anabranch::probe
