// SPDX-License-Identifier: MIT
// [metrics], the section of every role's file that says where Prometheus finds its figures.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/ip.hpp"

namespace anabranch::status {

struct MetricsAddress {
  IpAddress address;
  std::uint16_t port = 0;

  bool operator==(const MetricsAddress&) const = default;
  bool loopback() const;
  /// "127.0.0.1:9473", "[::1]:9473".
  std::string text() const;
};

/// "ADDRESS:PORT", "[IPV6]:PORT", or a port alone, which means 127.0.0.1.
std::optional<MetricsAddress> parse_metrics_address(std::string_view text);

inline constexpr config::Setting kMetricsListen{
    .key = "listen",
    .help =
        "Address and port that serve the metrics over HTTP, as \"127.0.0.1:9473\", "
        "\"[::1]:9473\", or a port alone, which means 127.0.0.1. Whoever reaches the port reads "
        "them: there is no password and no encryption. Without this key there are no metrics.",
    .example = "\"127.0.0.1:9473\""};

inline constexpr std::array kMetricsSettings{kMetricsListen};

/// The section, one definition for all roles.
inline constexpr config::Setting kMetrics{.key = "metrics",
                                          .kind = config::Kind::kTable,
                                          .help = "Figures for Prometheus.",
                                          .settings = kMetricsSettings};

/// Nothing: metrics are off, or the value is wrong and has been complained of.
std::optional<MetricsAddress> read_metrics(const config::Section& root);

}  // namespace anabranch::status
