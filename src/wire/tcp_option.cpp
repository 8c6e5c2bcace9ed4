// SPDX-License-Identifier: MIT
#include "wire/tcp_option.hpp"

namespace anabranch::wire {
namespace {

constexpr std::size_t kFrame = 2;  ///< kind and length

}  // namespace

std::optional<std::vector<std::uint8_t>> encode_tcp_options(std::span<const TcpOption> options) {
  std::vector<std::uint8_t> out;
  for (const auto& [kind, value] : options) {
    const std::size_t length = kFrame + value.size();
    if (kind <= tcp_kind::kNoOperation || length > 0xff) return std::nullopt;
    out.push_back(kind);
    out.push_back(static_cast<std::uint8_t>(length));
    out.insert(out.end(), value.begin(), value.end());
  }
  return out;
}

std::optional<std::vector<TcpOption>> decode_tcp_options(std::span<const std::uint8_t> octets) {
  std::vector<TcpOption> out;
  while (!octets.empty() && octets[0] != tcp_kind::kEnd) {
    if (octets[0] == tcp_kind::kNoOperation) {
      octets = octets.subspan(1);
      continue;
    }
    if (octets.size() < kFrame || octets[1] < kFrame || octets[1] > octets.size())
      return std::nullopt;
    const auto value = octets.first(octets[1]).subspan(kFrame);
    out.push_back({octets[0], {value.begin(), value.end()}});
    octets = octets.subspan(octets[1]);
  }
  return out;
}

}  // namespace anabranch::wire
