// SPDX-License-Identifier: MIT
#include "base/units.hpp"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace anabranch {
namespace {

struct Quantity {
  double value;
  std::string unit;
};

std::optional<Quantity> split(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end == copy.c_str() || !std::isfinite(value) || value < 0) return std::nullopt;
  while (*end == ' ') ++end;
  return Quantity{value, end};
}

std::string number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3g", value);
  if (std::string_view(buffer).find('e') != std::string_view::npos)
    std::snprintf(buffer, sizeof buffer, "%.0f", value);
  return buffer;
}

struct Scale {
  std::string_view unit;
  double factor;
};

constexpr std::array kRates = {Scale{"bit/s", 1}, Scale{"kbit/s", 1e3}, Scale{"Mbit/s", 1e6},
                               Scale{"Gbit/s", 1e9}};
constexpr std::array kDurations = {Scale{"ns", 1},     Scale{"us", 1e3},   Scale{"ms", 1e6},
                                   Scale{"s", 1e9},    Scale{"min", 60e9}, Scale{"h", 3600e9},
                                   Scale{"d", 86400e9}};

template <std::size_t N>
std::optional<double> scaled(std::string_view text, const std::array<Scale, N>& scales) {
  const auto quantity = split(text);
  if (!quantity) return std::nullopt;
  for (const auto& scale : scales)
    if (scale.unit == quantity->unit) return quantity->value * scale.factor;
  return std::nullopt;
}

}  // namespace

nanoseconds BitRate::time_for(std::uint64_t octets) const {
  if (unlimited()) return {};
  return nanoseconds(std::llround(static_cast<double>(octets) * 8e9 / bits_per_second));
}

Result<BitRate> BitRate::parse(std::string_view text) {
  const auto value = scaled(text, kRates);
  if (!value || *value <= 0)
    return fail("'" + std::string(text) + "' is not a rate", {}, "write it like \"20 Mbit/s\"",
                ExitCode::kBadInput);
  return BitRate{*value};
}

std::string BitRate::text() const {
  const Scale* best = &kRates.front();
  for (const auto& scale : kRates)
    if (bits_per_second >= scale.factor) best = &scale;
  return number(bits_per_second / best->factor) + " " + std::string(best->unit);
}

BitRate rate_of(std::uint64_t octets, nanoseconds time) {
  if (time.count() <= 0) return {};
  return {static_cast<double>(octets) * 8e9 / static_cast<double>(time.count())};
}

Result<nanoseconds> parse_duration(std::string_view text) {
  const auto value = scaled(text, kDurations);
  if (!value || *value > 9e18)
    return fail("'" + std::string(text) + "' is not a duration", {},
                "write it like \"500ms\", \"30s\" or \"12h\"", ExitCode::kBadInput);
  return nanoseconds(std::llround(*value));
}

std::string duration_text(nanoseconds duration) {
  if (duration == nanoseconds::zero()) return "0 s";
  const double value = static_cast<double>(duration.count());
  const Scale* best = &kDurations.front();
  for (const auto& scale : kDurations)
    if (std::abs(value) >= scale.factor) best = &scale;
  return number(value / best->factor) + " " + std::string(best->unit);
}

std::string octets_text(std::uint64_t octets) {
  static constexpr std::array kSizes = {Scale{"B", 1}, Scale{"kB", 1e3}, Scale{"MB", 1e6},
                                        Scale{"GB", 1e9}, Scale{"TB", 1e12}};
  const Scale* best = &kSizes.front();
  for (const auto& scale : kSizes)
    if (static_cast<double>(octets) >= scale.factor) best = &scale;
  return number(static_cast<double>(octets) / best->factor) + " " + std::string(best->unit);
}

}  // namespace anabranch
