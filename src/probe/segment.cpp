// SPDX-License-Identifier: MIT
#include "probe/segment.hpp"

#include <algorithm>
#include <array>

namespace anabranch::probe {
namespace {

constexpr std::size_t kTcpHeader = 20;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint16_t kWindow = 64240;
constexpr std::uint8_t kWindowScale = 7;

// Places in a TCP header.
constexpr std::size_t kDestinationPort = 2;
constexpr std::size_t kSequence = 4;
constexpr std::size_t kAcknowledged = 8;
constexpr std::size_t kDataOffset = 12;
constexpr std::size_t kFlags = 13;
constexpr std::size_t kWindowAt = 14;
constexpr std::size_t kChecksum = 16;

void put16(std::span<std::uint8_t> out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

void put32(std::span<std::uint8_t> out, std::size_t at, std::uint32_t value) {
  put16(out, at, static_cast<std::uint16_t>(value >> 16));
  put16(out, at + 2, static_cast<std::uint16_t>(value));
}

std::uint16_t get16(std::span<const std::uint8_t> in, std::size_t at) {
  return static_cast<std::uint16_t>(in[at] << 8 | in[at + 1]);
}

std::uint32_t get32(std::span<const std::uint8_t> in, std::size_t at) {
  return std::uint32_t{get16(in, at)} << 16 | get16(in, at + 2);
}

/// The 16-bit words of `octets`, the last one filled up with zero.
std::uint64_t sum_of(std::span<const std::uint8_t> octets) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 1 < octets.size(); at += 2) sum += get16(octets, at);
  if (at < octets.size()) sum += std::uint64_t{octets[at]} << 8;
  return sum;
}

/// A segment with everything but flags, options and checksum.
std::vector<std::uint8_t> blank(const Flow& flow, std::uint32_t sequence, unsigned header,
                                unsigned payload) {
  std::vector<std::uint8_t> segment(header + payload);
  put16(segment, 0, flow.local_port);
  put16(segment, kDestinationPort, flow.remote_port);
  put32(segment, kSequence, sequence);
  segment[kDataOffset] = static_cast<std::uint8_t>(header / 4 << 4);
  return segment;
}

}  // namespace

std::vector<std::uint8_t> build_syn(const Flow& flow, std::uint32_t sequence, unsigned payload) {
  auto segment = blank(flow, sequence, kSynOctets, payload);
  segment[kFlags] = kSyn;
  put16(segment, kWindowAt, kWindow);
  constexpr unsigned kEthernet = 1500;
  const auto largest = static_cast<std::uint16_t>(
      kEthernet - ip_header_octets(flow.remote.family()) - static_cast<unsigned>(kTcpHeader));
  const std::array<std::uint8_t, kSynOctets - kTcpHeader> options{
      2,
      4,
      static_cast<std::uint8_t>(largest >> 8),
      static_cast<std::uint8_t>(largest),
      1,
      3,
      3,
      kWindowScale,  // after one octet of filling
      1,
      1,
      4,
      2,  // after two
  };
  std::ranges::copy(options, segment.begin() + kTcpHeader);
  put16(segment, kChecksum, tcp_checksum(flow, segment));
  return segment;
}

std::vector<std::uint8_t> build_reset(const Flow& flow, std::uint32_t sequence) {
  auto segment = blank(flow, sequence, kTcpHeader, 0);
  segment[kFlags] = kRst;
  put16(segment, kChecksum, tcp_checksum(flow, segment));
  return segment;
}

std::optional<Reply> parse_reply(std::span<const std::uint8_t> segment) {
  if (segment.size() < kTcpHeader) return std::nullopt;
  const std::size_t header = std::size_t{segment[kDataOffset]} >> 4 << 2;
  if (header < kTcpHeader || header > segment.size()) return std::nullopt;
  const auto flags = segment[kFlags];
  const bool reset = (flags & kRst) != 0;
  if ((flags & kAck) == 0 || reset == ((flags & kSyn) != 0)) return std::nullopt;
  return Reply{.remote_port = get16(segment, 0),
               .local_port = get16(segment, kDestinationPort),
               .acknowledged = get32(segment, kAcknowledged),
               .reset = reset};
}

std::span<const std::uint8_t> tcp_of_ipv4(std::span<const std::uint8_t> packet) {
  constexpr std::size_t kShortest = 20;
  if (packet.size() < kShortest || packet[0] >> 4 != 4) return {};
  const std::size_t header = std::size_t{packet[0]} % 16 * 4;
  const std::size_t length = std::min<std::size_t>(get16(packet, 2), packet.size());
  constexpr std::uint16_t kFragmentOffset = 0x1fff;
  const bool first = (get16(packet, 6) & kFragmentOffset) == 0;
  if (header < kShortest || header > length || !first || packet[9] != kProtocolTcp) return {};
  return packet.subspan(header, length - header);
}

std::uint16_t tcp_checksum(const Flow& flow, std::span<const std::uint8_t> segment) {
  std::uint64_t sum = sum_of(flow.local.octets()) + sum_of(flow.remote.octets()) + kProtocolTcp +
                      segment.size() + sum_of(segment);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace anabranch::probe
