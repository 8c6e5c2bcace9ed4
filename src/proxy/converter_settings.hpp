// SPDX-License-Identifier: MIT
// converter.toml as values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "proxy/client_limits.hpp"
#include "proxy/obstacle.hpp"
#include "proxy/rule_settings.hpp"
#include "proxy/source.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::proxy {

struct ConverterLimits {
  std::uint64_t total = 0;
  std::uint64_t per_client = 0;
  std::uint64_t memory = 0;  ///< octets; 0: no limit
  milliseconds setup{};
  seconds idle{};
  seconds half_closed{};
  std::uint32_t errors_per_second = 0;  ///< of one client

  ClientLimits of_clients() const { return {total, per_client, errors_per_second}; }
};

struct ConverterSource {
  SourceMode mode = SourceMode::kSharing;
  std::vector<IpAddress> pool;  ///< of ours; empty: as the kernel chooses
  std::filesystem::path log;    ///< of mappings; empty: none
};

struct ConverterSettings {
  std::vector<Endpoint> listen;
  unsigned workers = 0;  ///< 0: one for each processor
  std::string congestion;
  bool upstream_mptcp = false;
  std::vector<IpPrefix> clients;
  bool cookie_required = false;
  std::filesystem::path cookie_secret;  ///< empty: a random one
  seconds cookie_slot{};
  std::vector<IpPrefix> destinations;  ///< of those that are not public
  ConverterSource source;
  ConverterLimits limits;
  std::vector<ProxyRule> rules;
  std::vector<IncomingPort> incoming;
  std::optional<status::MetricsAddress> metrics;
};

std::span<const config::Setting> converter_setting_definitions();

/// `trial`: by a role that runs, or is about to.
Result<ConverterSettings> load_converter_settings(const std::filesystem::path& file,
                                                  const Trial<ConverterSettings>& trial = {});
/// `name` stands for the file in messages.
Result<ConverterSettings> parse_converter_settings(std::string_view text, std::string name);

}  // namespace anabranch::proxy
