// SPDX-License-Identifier: MIT
#include "probe/http_exchange.hpp"

#include <fmt/core.h>

namespace anabranch::probe {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Whether `c` may stand at this place of "HTTP/1.1 204 " (status-line of RFC 9112 section 4; some
/// servers leave the last space out).
bool fits(std::size_t place, char c) {
  constexpr std::string_view kBegin = "HTTP/1.";
  if (place < kBegin.size()) return c == kBegin[place];
  switch (place) {
    case 7:
    case 10:
    case 11:
      return is_digit(c);
    case 8:
      return c == ' ';
    case 9:
      return c >= '1' && c <= '5';
    default:
      return c == ' ' || c == '\r' || c == '\n';
  }
}

constexpr std::size_t kStatusAt = 9;
constexpr std::size_t kNeeded = 13;

}  // namespace

std::string build_get(std::string_view host, std::string_view path) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: anabranch\r\nAccept: */*\r\n"
      "Connection: close\r\n\r\n",
      path, host);
}

HttpAnswer parse_http_answer(std::string_view received) {
  const auto begin = received.substr(0, kNeeded);
  for (std::size_t i = 0; i < begin.size(); ++i)
    if (!fits(i, begin[i])) return {HttpAnswer::State::kNotHttp};
  if (begin.size() < kNeeded) return {};
  unsigned status = 0;
  for (const char c : begin.substr(kStatusAt, 3))
    status = status * 10 + static_cast<unsigned>(c - '0');
  return {HttpAnswer::State::kStatus, status};
}

}  // namespace anabranch::probe
