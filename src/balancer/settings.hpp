// SPDX-License-Identifier: MIT
// balancer.toml as values.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/health.hpp"
#include "base/config.hpp"
#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "kernel/balancer_hook.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::balancer {

/// One address of each family at most: [0] IPv4, [1] IPv6.
using BothFamilies = std::array<std::optional<IpAddress>, 2>;
constexpr std::size_t family_index(Family family) {
  return family == Family::kIpv4 ? 0 : 1;
}

struct Server {
  std::string name;
  std::uint16_t id = 0;
  BothFamilies addresses;
  unsigned weight = 1;
  bool encapsulates = false;
  std::vector<IpAddress> join_addresses;

  bool operator==(const Server&) const = default;
};

struct Vip {
  Endpoint address;
  bool by_port = false;     ///< cure: further subflows go to a port that names the server
  bool by_address = false;  ///< cure: they go to an address of the server's own
  bool by_token = false;    ///< cure: they come to the service itself, and name their connection
  std::vector<std::uint16_t> servers;  ///< ids
  HealthCheck health = {};

  bool operator==(const Vip&) const = default;
};

/// The control channel between balancers and servers.
struct ControlSettings {
  std::vector<Endpoint> listen;  ///< of every balancer; servers connect to each
  std::filesystem::path key_file;
};

struct BalancerSettings {
  std::string interface;
  kernel::BalancerHook hook = kernel::BalancerHook::kTc;
  std::filesystem::path pins;
  std::uint32_t connections = 0;
  std::uint32_t tokens = 0;
  std::uint32_t inserts_per_second = 0;  ///< of each processor
  std::uint16_t first_join_port = 0;
  BothFamilies sources;
  nanoseconds slow_start{};
  std::optional<status::MetricsAddress> metrics = std::nullopt;
  std::vector<Vip> vips;
  std::vector<Server> servers;
  std::optional<ControlSettings> control;
};

std::string_view hook_name(kernel::BalancerHook hook);

std::span<const config::Setting> balancer_setting_definitions();
Result<BalancerSettings> load_balancer_settings(const std::filesystem::path& file);
/// `name` stands for the file in messages.
Result<BalancerSettings> parse_balancer_settings(std::string_view text, std::string name);

}  // namespace anabranch::balancer
