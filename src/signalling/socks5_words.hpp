// SPDX-License-Identifier: MIT
// The numbers of SOCKS5 (RFC 1928, RFC 1929), for both of its ends.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anabranch::signalling::socks5 {

inline constexpr std::uint8_t kVersion = 5;
inline constexpr std::uint8_t kCommandConnect = 1;

inline constexpr std::uint8_t kMethodNone = 0x00;
inline constexpr std::uint8_t kMethodPassword = 0x02;
inline constexpr std::uint8_t kMethodNoneAcceptable = 0xff;

inline constexpr std::uint8_t kPasswordVersion = 1;
inline constexpr std::uint8_t kPasswordGood = 0;
inline constexpr std::uint8_t kPasswordBad = 1;

inline constexpr std::uint8_t kIpv4 = 1;
inline constexpr std::uint8_t kName = 3;
inline constexpr std::uint8_t kIpv6 = 4;

/// Of a request and of a reply: version, command or reply, a zero, type of the address.
inline constexpr std::size_t kHead = 4;
inline constexpr std::size_t kPort = 2;

enum class Reply : std::uint8_t {
  kSucceeded = 0,
  kGeneralFailure = 1,
  kNotAllowed = 2,
  kNetworkUnreachable = 3,
  kHostUnreachable = 4,
  kConnectionRefused = 5,
  kTtlExpired = 6,
  kCommandNotSupported = 7,
  kAddressTypeNotSupported = 8,
};

}  // namespace anabranch::signalling::socks5
