// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bitset>
#include <iterator>
#include <utility>

#include "wire/convert.hpp"

namespace anabranch::wire {
namespace {

using Octets = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;
using Fault = ConvertFault;

constexpr std::size_t kWord = 4;
constexpr std::size_t kConnectBase = 20;  ///< octets of a Connect without options
constexpr std::size_t kMaxPadding = 3;

constexpr Fault kTlvLength{"tlv-length", ConvertCode::kMalformedMessage};
constexpr Fault kOptionKind{"option-kind", ConvertCode::kMalformedMessage};
constexpr Fault kOptionLength{"option-length", ConvertCode::kMalformedMessage};

Octets without_zeros(View octets) {
  Octets out;
  std::ranges::copy_if(octets, std::back_inserter(out), [](auto octet) { return octet != 0; });
  return out;
}

std::optional<Fault> read_connect(View tlv, ConvertMessage& out) {
  if (tlv.size() < kConnectBase) return kTlvLength;
  auto& connect = out.connect.emplace();
  connect.peer.port = static_cast<std::uint16_t>(tlv[2] << 8 | tlv[3]);
  connect.peer.address = IpAddress::v6(tlv.subspan<4, 16>()).unmapped();
  View options = tlv.subspan(kConnectBase);
  while (!options.empty()) {
    if (options[0] == tcp_kind::kEnd && options.size() <= kMaxPadding &&
        std::ranges::all_of(options, [](auto octet) { return octet == 0; }))
      break;
    if (options[0] <= tcp_kind::kNoOperation) return kOptionKind;
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return kOptionLength;
    const View value = options.first(options[1]).subspan(2);
    connect.options.push_back({options[0], {value.begin(), value.end()}});
    options = options.subspan(options[1]);
  }
  return std::nullopt;
}

std::optional<Fault> read_error(View tlv, ConvertMessage& out) {
  auto& error = out.error.emplace();
  error.code = static_cast<ConvertCode>(tlv[2]);
  switch (error.code) {
    case ConvertCode::kUnsupportedVersion:
    case ConvertCode::kUnsupportedTcpOption:
      error.value = without_zeros(tlv.subspan(3));
      break;
    case ConvertCode::kMalformedMessage:
    case ConvertCode::kUnsupportedMessage:
    case ConvertCode::kMissingCookie:
      error.value.assign(tlv.begin() + kWord, tlv.end());
      break;
    default:
      error.value = {tlv[3]};
  }
  return std::nullopt;
}

/// `tlv` with its type and length, a whole number of words.
std::optional<Fault> read_tlv(View tlv, ConvertMessage& out) {
  switch (static_cast<ConvertTlv>(tlv[0])) {
    case ConvertTlv::kInfo:
      if (tlv.size() != kWord) return kTlvLength;
      out.info = true;
      return std::nullopt;
    case ConvertTlv::kConnect:
      return read_connect(tlv, out);
    case ConvertTlv::kExtendedTcpHeader:
      out.extended_tcp_header = decode_tcp_options(tlv.subspan(kWord));
      if (!out.extended_tcp_header) return kOptionLength;
      return std::nullopt;
    case ConvertTlv::kSupported:
      out.supported = without_zeros(tlv.subspan(kWord));
      return std::nullopt;
    case ConvertTlv::kCookie:
      out.cookie.emplace(tlv.begin() + kWord, tlv.end());
      return std::nullopt;
    case ConvertTlv::kError:
      return read_error(tlv, out);
  }
  std::unreachable();  // known() was asked before
}

bool known(std::uint8_t type) {
  switch (static_cast<ConvertTlv>(type)) {
    case ConvertTlv::kInfo:
    case ConvertTlv::kConnect:
    case ConvertTlv::kExtendedTcpHeader:
    case ConvertTlv::kSupported:
    case ConvertTlv::kCookie:
    case ConvertTlv::kError:
      return true;
  }
  return false;
}

}  // namespace

std::variant<ConvertMore, std::size_t, ConvertFault> convert_length(View octets) {
  if (octets.size() < kConvertHeader) return ConvertMore{};
  if ((octets[2] << 8 | octets[3]) != kConvertMagic) return Fault{"not-convert", std::nullopt};
  if (octets[1] == 0) return Fault{"zero-length", std::nullopt};
  if (octets[0] != kConvertVersion) return Fault{"version", ConvertCode::kUnsupportedVersion};
  return octets[1] * kWord;
}

std::expected<ConvertMessage, ConvertFault> decode_convert(View message) {
  const auto length = convert_length(message);
  if (const auto* fault = std::get_if<Fault>(&length)) return std::unexpected(*fault);
  if (const auto* total = std::get_if<std::size_t>(&length);
      total == nullptr || *total != message.size())
    return std::unexpected(Fault{"cut", ConvertCode::kMalformedMessage});

  ConvertMessage out;
  std::bitset<256> seen;
  for (View rest = message.subspan(kConvertHeader); !rest.empty();) {
    const std::uint8_t type = rest[0];
    if (type == 0) return std::unexpected(Fault{"type-zero", ConvertCode::kUnsupportedMessage});
    if (!known(type))
      return std::unexpected(Fault{"unknown-tlv", ConvertCode::kUnsupportedMessage});
    if (seen.test(type))
      return std::unexpected(Fault{"duplicate-tlv", ConvertCode::kMalformedMessage});
    seen.set(type);
    const std::size_t size = rest[1] * kWord;
    if (size == 0 || size > rest.size()) return std::unexpected(kTlvLength);
    if (const auto fault = read_tlv(rest.first(size), out)) return std::unexpected(*fault);
    rest = rest.subspan(size);
  }
  return out;
}

}  // namespace anabranch::wire
