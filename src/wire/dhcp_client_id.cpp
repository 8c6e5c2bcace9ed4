// SPDX-License-Identifier: MIT
#include "wire/dhcp_client_id.hpp"

#include <charconv>

#include <fmt/format.h>

namespace anabranch::wire {
namespace {

constexpr std::uint8_t kDuidClientId = 255;
constexpr std::size_t kShortestDuid = 3;  ///< the type and one octet
constexpr std::size_t kLongestDuid = 130;

template <class Range>
void append(std::vector<std::uint8_t>& out, const Range& octets) {
  for (const auto octet : octets) out.push_back(octet);
}

}  // namespace

std::vector<std::uint8_t> make_client_id(std::uint32_t iaid, std::span<const std::uint8_t> duid) {
  std::vector<std::uint8_t> out{kDuidClientId};
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(iaid >> shift));
  append(out, duid);
  return out;
}

std::vector<std::uint8_t> make_duid_uuid(std::span<const std::uint8_t, 16> uuid) {
  std::vector<std::uint8_t> out{0, 4};
  append(out, uuid);
  return out;
}

std::vector<std::uint8_t> make_duid_ll(const MacAddress& mac) {
  std::vector<std::uint8_t> out{0, 3, 0, 1};  // hardware type 1: Ethernet
  append(out, mac.octets);
  return out;
}

std::string duid_text(std::span<const std::uint8_t> duid) {
  std::string out;
  for (const auto octet : duid) out += fmt::format("{}{:02x}", out.empty() ? "" : ":", octet);
  return out;
}

std::optional<std::vector<std::uint8_t>> parse_duid(std::string_view text) {
  std::vector<std::uint8_t> out;
  for (std::size_t at = 0;; at += 3) {
    if (text.size() < at + 2) return std::nullopt;
    std::uint8_t octet = 0;
    const char* end = text.data() + at + 2;
    if (const auto [stop, error] = std::from_chars(text.data() + at, end, octet, 16);
        error != std::errc() || stop != end)
      return std::nullopt;
    out.push_back(octet);
    if (text.size() == at + 2) break;
    if (text[at + 2] != ':') return std::nullopt;
  }
  if (out.size() < kShortestDuid || out.size() > kLongestDuid) return std::nullopt;
  return out;
}

}  // namespace anabranch::wire
