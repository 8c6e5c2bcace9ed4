// SPDX-License-Identifier: MIT
#include "signalling/host_name.hpp"

#include <algorithm>

namespace anabranch::signalling {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 1035 section 3.1, as text
constexpr std::size_t kMaxLabel = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_hexadecimal(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && std::ranges::all_of(label, [](char c) {
    return is_digit(c) || is_letter(c) || c == '-' || c == '_';
  });
}

bool is_number(std::string_view label) {
  if (label.starts_with("0x") || label.starts_with("0X"))
    return std::ranges::all_of(label.substr(2), is_hexadecimal);
  return std::ranges::all_of(label, is_digit);
}

bool is_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kMaxName) return false;
  for (;;) {
    const auto dot = name.find('.');
    const auto label = name.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !is_number(label);
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<Request> request_for(std::string_view host, std::uint16_t port) {
  if (port == 0) return std::nullopt;
  if (const auto address = IpAddress::parse(host)) return Request{{address->unmapped(), port}};
  if (!is_name(host)) return std::nullopt;
  return Request{.endpoint = {{}, port}, .name = std::string(host)};
}

}  // namespace anabranch::signalling
