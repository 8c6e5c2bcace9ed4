// SPDX-License-Identifier: MIT
#include "wire/domain_name.hpp"

#include <algorithm>
#include <iterator>

namespace anabranch::wire {
namespace {

constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestName = 255;  ///< with the length of each label and the final zero

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLongestLabel && std::ranges::all_of(label, [](char c) {
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

std::optional<std::string> take_domain_name(std::span<const std::uint8_t>& octets) {
  std::string name;
  std::size_t at = 0;
  while (at < octets.size() && octets[at] != 0) {
    const std::size_t length = octets[at++];
    if (length > octets.size() - at) return std::nullopt;
    const std::string label(octets.begin() + static_cast<std::ptrdiff_t>(at),
                            octets.begin() + static_cast<std::ptrdiff_t>(at + length));
    if (!is_label(label)) return std::nullopt;
    if (!name.empty()) name += '.';
    std::ranges::transform(label, std::back_inserter(name), lower);
    at += length;
    if (at >= kLongestName) return std::nullopt;
  }
  if (at == octets.size() || name.empty()) return std::nullopt;
  octets = octets.subspan(at + 1);
  return name;
}

std::optional<std::vector<std::uint8_t>> encode_domain_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::vector<std::uint8_t> out;
  while (true) {
    const auto dot = name.find('.');
    const auto label = name.substr(0, dot);
    if (!is_label(label)) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(label.size()));
    std::ranges::transform(label, std::back_inserter(out),
                           [](char c) { return static_cast<std::uint8_t>(lower(c)); });
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  out.push_back(0);
  if (out.size() > kLongestName) return std::nullopt;
  return out;
}

}  // namespace anabranch::wire
