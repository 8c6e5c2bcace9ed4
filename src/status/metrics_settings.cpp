// SPDX-License-Identifier: MIT
#include "status/metrics_settings.hpp"

#include <charconv>

namespace anabranch::status {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  return port;
}

}  // namespace

bool MetricsAddress::loopback() const {
  constexpr std::uint32_t kLoopbackNet = 127;
  if (address.is_v4()) return address.to_v4() >> 24 == kLoopbackNet;
  return address.text() == "::1";
}

std::string MetricsAddress::text() const {
  const auto host = address.is_v4() ? address.text() : "[" + address.text() + "]";
  return host + ":" + std::to_string(port);
}

std::optional<MetricsAddress> parse_metrics_address(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto port = parse_port(colon == std::string_view::npos ? text : text.substr(colon + 1));
  if (!port) return std::nullopt;
  if (colon == std::string_view::npos) return MetricsAddress{IpAddress::v4(0x7f000001), *port};
  auto host = text.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  if (!address || address->is_v4() == brackets) return std::nullopt;
  return MetricsAddress{*address, *port};
}

std::optional<MetricsAddress> read_metrics(const config::Section& root) {
  const auto section = root.section(kMetrics);
  if (!section.has(kMetricsListen)) return std::nullopt;
  const auto text = section.text(kMetricsListen);
  const auto address = parse_metrics_address(text);
  if (!address)
    section.complain(kMetricsListen, "'" + text + "' is not an address with a port",
                     "write it like \"127.0.0.1:9473\" or \"[::1]:9473\"");
  return address;
}

}  // namespace anabranch::status
