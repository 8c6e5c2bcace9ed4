// SPDX-License-Identifier: MIT
#include "status/metrics_settings.hpp"

#include "base/address_scope.hpp"
#include "base/endpoint.hpp"

namespace anabranch::status {

bool MetricsAddress::loopback() const {
  return is_loopback(address);
}

std::string MetricsAddress::text() const {
  return Endpoint{address, port}.text();
}

std::optional<MetricsAddress> parse_metrics_address(std::string_view text) {
  const bool port_alone = !text.contains(':');
  const auto endpoint =
      Endpoint::parse(port_alone ? "127.0.0.1:" + std::string(text) : std::string(text));
  if (!endpoint || endpoint->port == 0) return std::nullopt;
  return MetricsAddress{endpoint->address, endpoint->port};
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
