// SPDX-License-Identifier: MIT
// TCP options (RFC 9293 section 3.1) as values: kind and content, in the order of the header.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace anabranch::wire {

namespace tcp_kind {
inline constexpr std::uint8_t kEnd = 0;
inline constexpr std::uint8_t kNoOperation = 1;
inline constexpr std::uint8_t kMaximumSegmentSize = 2;
inline constexpr std::uint8_t kWindowScale = 3;
inline constexpr std::uint8_t kSackPermitted = 4;
inline constexpr std::uint8_t kSack = 5;
inline constexpr std::uint8_t kTimestamps = 8;
inline constexpr std::uint8_t kAuthentication = 29;  ///< TCP-AO
inline constexpr std::uint8_t kMptcp = 30;
inline constexpr std::uint8_t kFastOpen = 34;
}  // namespace tcp_kind

struct TcpOption {
  std::uint8_t kind = 0;
  std::vector<std::uint8_t> value = {};  ///< without kind and length, at most 253 octets

  bool operator==(const TcpOption&) const = default;
};

/// One after the other, without padding. Nothing for kinds 0 and 1, which have no length, and for a
/// value that is too long.
std::optional<std::vector<std::uint8_t>> encode_tcp_options(std::span<const TcpOption> options);

/// Options as a segment has them: kind 1 is skipped, kind 0 ends the list and what stands behind it
/// is not looked at. Nothing for a length below 2 or past the end.
std::optional<std::vector<TcpOption>> decode_tcp_options(std::span<const std::uint8_t> octets);

}  // namespace anabranch::wire
