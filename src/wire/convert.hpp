// SPDX-License-Identifier: MIT
// Messages of the 0-RTT TCP Convert Protocol (RFC 8803): a fixed header of four octets with the
// length of the whole in words, then TLVs with lengths in words, back to back; user data follows at
// once. The same form in both directions. One codec for client and Transport Converter; which TLV
// may come from whom is for the conversation to say (signalling/convert.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/endpoint.hpp"
#include "wire/tcp_option.hpp"

namespace anabranch::wire {

inline constexpr std::uint16_t kConvertPort = 5124;
inline constexpr std::uint16_t kConvertMagic = 0x2263;
inline constexpr std::uint8_t kConvertVersion = 1;
inline constexpr std::size_t kConvertHeader = 4;  ///< octets
/// 255 words: the length field has one octet.
inline constexpr std::size_t kConvertMaxMessage = 1020;

/// RFC 8803 section 6.2.2.
enum class ConvertTlv : std::uint8_t {
  kInfo = 1,
  kConnect = 10,
  kExtendedTcpHeader = 20,
  kSupported = 21,
  kCookie = 22,
  kError = 30,
};

/// RFC 8803 section 6.2.8.
enum class ConvertCode : std::uint8_t {
  kUnsupportedVersion = 0,
  kMalformedMessage = 1,
  kUnsupportedMessage = 2,
  kMissingCookie = 3,
  kNotAuthorized = 32,
  kUnsupportedTcpOption = 33,
  kResourceExceeded = 64,
  kNetworkFailure = 65,
  kConnectionReset = 96,
  kDestinationUnreachable = 97,
};

/// Section 6.2.5. IPv4 travels as IPv4-mapped and is plain IPv4 here.
struct ConvertConnect {
  Endpoint peer;  ///< the server; in incoming connections the remote host
  /// The extended form; an empty list is the base form. Kinds 0 and 1 are not allowed.
  std::vector<TcpOption> options = {};

  bool operator==(const ConvertConnect&) const = default;
};

struct ConvertError {
  ConvertCode code{};  ///< may be one that has no name here
  /// By code: 0 the versions, 1 and 2 the offending message, 3 the cookie, 33 the kinds (0 and 33
  /// without padding), all others one octet: seconds to wait, the ICMP code, or zero.
  std::vector<std::uint8_t> value = {};

  bool operator==(const ConvertError&) const = default;
};

/// A TLV each, at most once a connection (section 6.2.1). All absent: a header alone, which is how
/// a converter says "established" when there is nothing to tell.
struct ConvertMessage {
  bool info = false;
  std::optional<std::vector<std::uint8_t>> cookie;  ///< with the padding of its TLV
  std::optional<ConvertConnect> connect;
  std::optional<std::vector<TcpOption>> extended_tcp_header;  ///< of the server's SYN+ACK
  std::optional<std::vector<std::uint8_t>> supported;         ///< kinds, without padding
  std::optional<ConvertError> error;

  bool operator==(const ConvertMessage&) const = default;
};

/// The message with its header, TLVs in the order of ConvertMessage. Nothing for what cannot be
/// said: more than kConvertMaxMessage octets, a Connect option of kind 0 or 1. The echo of errors 1
/// and 2 is cut to what fits, and a cookie is padded with zeros to whole words.
std::optional<std::vector<std::uint8_t>> encode(const ConvertMessage& message);

/// What is wrong with a message, and which error says so. Without `answer` there is nothing to be
/// said to the peer: the connection is reset.
struct ConvertFault {
  std::string_view what;  ///< a name for counters and logs: "duplicate-tlv", ...
  std::optional<ConvertCode> answer;
};

/// The beginning of a message: too little to judge it.
struct ConvertMore {};

/// The octets of the message in front of `octets`, header included, as soon as the header is there:
/// between 4 and kConvertMaxMessage, not necessarily all there yet.
///
///   magic is not 0x2263     "not-convert", no answer
///   total length 0          "zero-length", no answer (section 6.1)
///   version other than 1    "version", error 0
std::variant<ConvertMore, std::size_t, ConvertFault> convert_length(
    std::span<const std::uint8_t> octets);

/// A whole message, exactly as long as convert_length() says. Fields that are unassigned or "zero"
/// are not looked at. The first fault in the order of the octets is told, all of them with error 1
/// but for the types (error 2):
///
///   "not-convert", "zero-length", "version"   as above
///   "cut"            fewer octets than the header says, or more
///   "tlv-length"     a TLV of length 0, past the end of the message, or of a length that its type
///                    cannot have
///   "type-zero", "unknown-tlv"
///   "duplicate-tlv"
///   "option-kind"    kind 0 or 1 in a Connect where an option should be; zeros at the end are
///                    padding, three at most
///   "option-length"  an option shorter than 2 octets or past the end of its TLV
std::expected<ConvertMessage, ConvertFault> decode_convert(std::span<const std::uint8_t> message);

}  // namespace anabranch::wire
