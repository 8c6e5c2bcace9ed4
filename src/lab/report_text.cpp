// SPDX-License-Identifier: MIT
#include "lab/report_text.hpp"

#include <cmath>

#include <fmt/core.h>

namespace anabranch::lab {
namespace {

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

bool continues_character(char octet) {
  return (static_cast<unsigned char>(octet) & 0xc0) == 0x80;
}

}  // namespace

std::string plain_number(double value) {
  if (!std::isfinite(value)) return "-";
  auto text = fmt::format("{}", value);
  if (text.find('e') != std::string::npos) text = fmt::format("{:.9f}", value);
  text = without_trailing_zeros(std::move(text));
  return text == "-0" ? "0" : text;
}

std::string display_number(double value) {
  if (!std::isfinite(value)) return "-";
  const double magnitude = std::abs(value);
  if (magnitude >= 1000 || value == std::round(value)) {
    auto digits = fmt::format("{:.0f}", magnitude);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0 && magnitude >= 10000;
         at -= 3)
      digits.insert(static_cast<std::size_t>(at), " ");
    return value < 0 ? "-" + digits : digits;
  }
  const int decimals = magnitude >= 100 ? 1 : magnitude >= 10 ? 2 : magnitude >= 0.1 ? 3 : 6;
  return without_trailing_zeros(fmt::format("{:.{}f}", value, decimals));
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // Line breaks stay: several lines in an SVG <title> are several lines in the tooltip.
        out += (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f ? ' ' : c;
    }
  }
  return out;
}

std::size_t text_columns(std::string_view text) {
  std::size_t columns = 0;
  for (const char c : text) columns += continues_character(c) ? 0 : 1;
  return columns;
}

std::string shorten(std::string_view text, std::size_t columns) {
  if (text_columns(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t kept = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    if (!continues_character(text[end]) && kept++ == columns - 1) break;
    ++end;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string link_text(const std::optional<LinkProfile>& profile) {
  if (!profile) return "cable";
  std::string out = profile->rate.unlimited() ? "unlimited" : profile->rate.text();
  if (profile->delay.count() > 0) out += ", " + duration_text(profile->delay);
  if (profile->jitter.count() > 0) out += " + 0–" + duration_text(profile->jitter);
  if (profile->loss > 0) out += ", " + display_number(profile->loss * 100) + " % loss";
  return out;
}

}  // namespace anabranch::lab
