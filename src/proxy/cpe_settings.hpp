// SPDX-License-Identifier: MIT
// cpe.toml as values.
#pragma once

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
#include "proxy/local_settings.hpp"
#include "proxy/obstacle.hpp"
#include "proxy/rule_settings.hpp"
#include "proxy/single_settings.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::proxy {

struct ConverterEntry {
  std::string name;
  Endpoint endpoint;
  unsigned weight = 1;  ///< 0: only while no other can be reached
  /// The interface whose network tells of it (dhcp_converters.hpp); empty: the file does.
  std::string told_by = {};
};

struct CpeLimits {
  std::uint64_t total = 0;
  std::uint64_t per_client = 0;
  std::uint64_t memory = 0;  ///< octets; 0: no limit
  bool reset = false;        ///< what is beyond a limit, in place of leaving it alone

  ClientLimits of_hosts() const { return {total, per_client, 0}; }
};

struct CpeSettings {
  std::vector<std::string> lan;
  unsigned workers = 0;  ///< 0: one for each processor
  std::string congestion;
  bool syn_data = true;
  std::vector<std::string> duplicate_syn;  ///< two interfaces, or none: SYNs go one way
  bool bypass = false;  ///< servers that speak MPTCP are connected without a converter
  milliseconds unreachable_after{};
  milliseconds retry{};
  milliseconds setup{};
  seconds refused_direct{};
  seconds idle{};
  seconds half_closed{};
  std::vector<ConverterEntry> converters;
  bool converters_from_dhcp = false;  ///< beside those of the file
  CpeLimits limits;
  std::vector<ProxyRule> rules;
  std::vector<IncomingPort> incoming;
  std::optional<SingleSettings> single;  ///< nothing: this machine's own connections are left alone
  std::vector<LocalDoorSettings> local;
  std::optional<status::MetricsAddress> metrics;
};

std::span<const config::Setting> cpe_setting_definitions();

/// `trial`: by a role that runs, or is about to. `single`: an empty [single] stands in for one that
/// the file has not.
Result<CpeSettings> load_cpe_settings(const std::filesystem::path& file,
                                      const Trial<CpeSettings>& trial = {}, bool single = false);
/// `name` stands for the file in messages.
Result<CpeSettings> parse_cpe_settings(std::string_view text, std::string name,
                                       bool single = false);

}  // namespace anabranch::proxy
