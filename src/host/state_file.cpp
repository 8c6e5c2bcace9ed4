// SPDX-License-Identifier: MIT
#include "host/state_file.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/directories.hpp"

namespace anabranch::host {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

/// Of a lease time in DHCP, which has 32 bits.
constexpr std::int64_t kLongestTime_s = 0xffffffff;
/// The year 2200: a clock of nanoseconds in 64 bits ends soon after.
constexpr std::int64_t kLatestTime_ms = 7'258'118'400'000;

/// Throws for what no time can be: adding it to a clock must not overflow.
std::int64_t bounded(const json& value, std::int64_t high) {
  const auto out = value.is_number_integer() ? value.get<std::int64_t>() : -1;
  if (out < 0 || out > high) throw std::out_of_range("a time is out of bounds");
  return out;
}

json optional_seconds(const std::optional<seconds>& value) {
  return value ? json(value->count()) : json(nullptr);
}
std::optional<seconds> optional_seconds(const json& value) {
  if (value.is_null()) return std::nullopt;
  return seconds(bounded(value, kLongestTime_s));
}

json to_json(const Lease& lease, const Clocks& clocks) {
  json routes = json::array();
  for (const auto& route : lease.routes)
    routes.push_back({{"to", route.to.text()}, {"via", route.via ? route.via->text() : ""}});
  const auto obtained = clocks.wall + std::chrono::duration_cast<WallTime::duration>(
                                          lease.obtained - clocks.monotonic);
  return {{"index", lease.route.index},
          {"count", lease.route.count},
          {"address", lease.address.text()},
          {"routes", routes},
          {"server", lease.server.address.text()},
          {"server_mac", lease.server.mac.text()},
          {"obtained_ms",
           std::chrono::duration_cast<milliseconds>(obtained.time_since_epoch()).count()},
          {"lease_s", optional_seconds(lease.duration)},
          {"renewal_s", optional_seconds(lease.renewal)},
          {"rebinding_s", optional_seconds(lease.rebinding)}};
}

/// The file is ours, but a disk may have mangled it: a wrong value ends in parse_state()'s catch.
Lease lease_from_json(const json& value, const Clocks& clocks) {
  Lease out;
  out.route = {value.at("index").get<std::uint8_t>(), value.at("count").get<std::uint8_t>()};
  out.address = IpPrefix::parse(value.at("address").get<std::string>()).value();
  for (const auto& route : value.at("routes")) {
    const auto via = IpAddress::parse(route.at("via").get<std::string>());
    out.routes.push_back({IpPrefix::parse(route.at("to").get<std::string>()).value(),
                          via ? std::optional(*via) : std::nullopt});
  }
  out.server = {IpAddress::parse(value.at("server").get<std::string>()).value(),
                MacAddress::parse(value.at("server_mac").get<std::string>()).value()};
  const WallTime obtained(milliseconds(bounded(value.at("obtained_ms"), kLatestTime_ms)));
  out.obtained = clocks.monotonic +
                 std::chrono::duration_cast<MonotonicTime::duration>(obtained - clocks.wall);
  out.duration = optional_seconds(value.at("lease_s"));
  out.renewal = optional_seconds(value.at("renewal_s"));
  out.rebinding = optional_seconds(value.at("rebinding_s"));
  return out;
}

json to_json(const std::optional<kernel::MptcpLimits>& limits) {
  if (!limits) return nullptr;
  return {{"accepted_addresses", limits->accepted_addresses}, {"subflows", limits->subflows}};
}
std::optional<kernel::MptcpLimits> limits_from_json(const json& value) {
  if (value.is_null()) return std::nullopt;
  return kernel::MptcpLimits{value.at("accepted_addresses").get<std::uint32_t>(),
                             value.at("subflows").get<std::uint32_t>()};
}

}  // namespace

std::string format_state(const HostState& state, const Clocks& clocks) {
  json leases = json::array();
  for (const auto& lease : state.leases) leases.push_back(to_json(lease, clocks));
  json endpoints = json::array();
  for (const auto& address : state.endpoints) endpoints.push_back(address.text());
  return json{{"version", kVersion},
              {"ifindex", state.ifindex},
              {"index", state.discovered.index},
              {"count", state.discovered.count},
              {"leases", leases},
              {"endpoints", endpoints},
              {"limits_before", to_json(state.limits_before)},
              {"limits_set", to_json(state.limits_set)}}
             .dump(2) +
         "\n";
}

Result<HostState> parse_state(std::string_view text, const Clocks& clocks) {
  try {
    const json document = json::parse(text);
    if (document.at("version").get<int>() != kVersion)
      return fail("the state file is of another version");
    HostState out;
    out.ifindex = document.at("ifindex").get<unsigned>();
    out.discovered = {document.at("index").get<std::uint8_t>(),
                      document.at("count").get<std::uint8_t>()};
    for (const auto& value : document.at("leases"))
      if (auto lease = lease_from_json(value, clocks); lease.expires() > clocks.monotonic)
        out.leases.push_back(std::move(lease));
    for (const auto& value : document.at("endpoints"))
      out.endpoints.push_back(IpAddress::parse(value.get<std::string>()).value());
    out.limits_before = limits_from_json(document.at("limits_before"));
    out.limits_set = limits_from_json(document.at("limits_set"));
    return out;
  } catch (const std::exception& error) {
    return fail(fmt::format("the state file cannot be read: {}", error.what()));
  }
}

std::filesystem::path state_path(std::string_view interface) {
  return runtime_directory() / fmt::format("host-{}.state", interface);
}

std::filesystem::path sysctl_path(std::string_view interface) {
  return runtime_directory() / fmt::format("host-{}.sysctls", interface);
}

}  // namespace anabranch::host
