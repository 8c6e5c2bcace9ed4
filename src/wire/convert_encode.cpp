// SPDX-License-Identifier: MIT
#include <algorithm>

#include "wire/convert.hpp"

namespace anabranch::wire {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::size_t kWord = 4;
constexpr std::size_t kErrorHead = 4;  ///< type, length, code and the octet before an echo

void append(Octets& out, std::span<const std::uint8_t> octets) {
  out.insert(out.end(), octets.begin(), octets.end());
}

/// A TLV around `value`, with zeros to the next word. Its length is put down even where it does not
/// fit into its octet: then the message as a whole is too long.
void append_tlv(Octets& out, ConvertTlv type, std::span<const std::uint8_t> value) {
  const std::size_t words = (2 + value.size() + kWord - 1) / kWord;
  const std::size_t end = out.size() + words * kWord;
  out.push_back(static_cast<std::uint8_t>(type));
  out.push_back(static_cast<std::uint8_t>(words));
  append(out, value);
  out.resize(end);
}

/// Two octets that are zero, then `octets`.
Octets after_zeros(std::span<const std::uint8_t> octets) {
  Octets out(2);
  append(out, octets);
  return out;
}

std::optional<Octets> connect_value(const ConvertConnect& connect) {
  Octets out{static_cast<std::uint8_t>(connect.peer.port >> 8),
             static_cast<std::uint8_t>(connect.peer.port)};
  if (connect.peer.address.is_v4()) {
    out.resize(out.size() + 10);
    out.insert(out.end(), 2, 0xff);
  }
  append(out, connect.peer.address.octets());
  const auto options = encode_tcp_options(connect.options);
  if (!options) return std::nullopt;
  append(out, *options);
  return out;
}

/// `room`: octets that the TLV may have.
Octets error_value(const ConvertError& error, std::size_t room) {
  Octets out{static_cast<std::uint8_t>(error.code)};
  switch (error.code) {
    case ConvertCode::kUnsupportedVersion:
    case ConvertCode::kUnsupportedTcpOption:
      append(out, error.value);
      break;
    case ConvertCode::kMalformedMessage:
    case ConvertCode::kUnsupportedMessage:
      out.push_back(0);
      append(out, std::span(error.value).first(std::min(error.value.size(), room - kErrorHead)));
      break;
    case ConvertCode::kMissingCookie:
      out.push_back(0);
      append(out, error.value);
      break;
    default:
      out.push_back(error.value.empty() ? 0 : error.value.front());
  }
  return out;
}

}  // namespace

std::optional<Octets> encode(const ConvertMessage& message) {
  Octets out{kConvertVersion, 0, kConvertMagic >> 8, kConvertMagic & 0xff};
  if (message.info) append_tlv(out, ConvertTlv::kInfo, Octets(2));
  if (message.cookie) append_tlv(out, ConvertTlv::kCookie, after_zeros(*message.cookie));
  if (message.connect) {
    const auto value = connect_value(*message.connect);
    if (!value) return std::nullopt;
    append_tlv(out, ConvertTlv::kConnect, *value);
  }
  if (message.extended_tcp_header) {
    const auto options = encode_tcp_options(*message.extended_tcp_header);
    if (!options) return std::nullopt;
    append_tlv(out, ConvertTlv::kExtendedTcpHeader, after_zeros(*options));
  }
  if (message.supported) append_tlv(out, ConvertTlv::kSupported, after_zeros(*message.supported));
  if (message.error) {
    if (out.size() + kErrorHead > kConvertMaxMessage) return std::nullopt;
    append_tlv(out, ConvertTlv::kError,
               error_value(*message.error, kConvertMaxMessage - out.size()));
  }
  if (out.size() > kConvertMaxMessage) return std::nullopt;
  out[1] = static_cast<std::uint8_t>(out.size() / kWord);
  return out;
}

}  // namespace anabranch::wire
