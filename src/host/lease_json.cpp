// SPDX-License-Identifier: MIT
#include "host/lease_json.hpp"

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "host/told_converters.hpp"
#include "wire/dhcp_client_id.hpp"

namespace anabranch::host {
namespace {

using nlohmann::json;

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

std::int64_t wall_ms(MonotonicTime time, const Clocks& clocks) {
  const auto wall =
      clocks.wall + std::chrono::duration_cast<WallTime::duration>(time - clocks.monotonic);
  return std::chrono::duration_cast<milliseconds>(wall.time_since_epoch()).count();
}
MonotonicTime from_wall_ms(const json& value, const Clocks& clocks) {
  const WallTime time(milliseconds(bounded(value, kLatestTime_ms)));
  const auto age = std::max(clocks.wall - time, WallTime::duration{});
  return clocks.monotonic - std::chrono::duration_cast<MonotonicTime::duration>(age);
}

}  // namespace

json lease_to_json(const Lease& lease, const Clocks& clocks) {
  json routes = json::array();
  for (const auto& route : lease.routes)
    routes.push_back({{"to", route.to.text()}, {"via", route.via ? route.via->text() : ""}});
  return {{"index", lease.route.index},
          {"count", lease.route.count},
          {"address", lease.address.text()},
          {"routes", routes},
          {"server", lease.server.address.text()},
          {"server_mac", lease.server.mac.text()},
          {"obtained_ms", wall_ms(lease.obtained, clocks)},
          {"lease_s", optional_seconds(lease.duration)},
          {"renewal_s", optional_seconds(lease.renewal)},
          {"rebinding_s", optional_seconds(lease.rebinding)},
          {"converters", endpoints_to_json(lease.converters)}};
}

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
  out.obtained = from_wall_ms(value.at("obtained_ms"), clocks);
  out.duration = optional_seconds(value.at("lease_s"));
  out.renewal = optional_seconds(value.at("renewal_s"));
  out.rebinding = optional_seconds(value.at("rebinding_s"));
  // Came later: a file without it is an older release's.
  out.converters = endpoints_from_json(value.value("converters", json::array()));
  return out;
}

json lease6_to_json(const Lease6& lease, const Clocks& clocks) {
  json resolvers = json::array();
  for (const auto& resolver : lease.resolvers) resolvers.push_back(resolver.text());
  return {{"index", lease.route.index},
          {"count", lease.route.count},
          {"address", lease.address.text()},
          {"server", wire::duid_text(lease.server)},
          {"resolvers", resolvers},
          {"converters", endpoints_to_json(lease.converters)},
          {"obtained_ms", wall_ms(lease.obtained, clocks)},
          {"preferred_s", optional_seconds(lease.preferred)},
          {"valid_s", optional_seconds(lease.valid)},
          {"renewal_s", optional_seconds(lease.renewal)},
          {"rebinding_s", optional_seconds(lease.rebinding)}};
}

Lease6 lease6_from_json(const json& value, const Clocks& clocks) {
  Lease6 out;
  out.route = {value.at("index").get<std::uint8_t>(), value.at("count").get<std::uint8_t>()};
  out.address = IpAddress::parse(value.at("address").get<std::string>()).value();
  if (out.address.is_v4()) throw std::invalid_argument("no IPv6 address");
  out.server = wire::parse_duid(value.at("server").get<std::string>()).value();
  for (const auto& resolver : value.at("resolvers"))
    out.resolvers.push_back(IpAddress::parse(resolver.get<std::string>()).value());
  out.converters = endpoints_from_json(value.value("converters", json::array()));
  out.obtained = from_wall_ms(value.at("obtained_ms"), clocks);
  out.preferred = optional_seconds(value.at("preferred_s"));
  out.valid = optional_seconds(value.at("valid_s"));
  out.renewal = optional_seconds(value.at("renewal_s"));
  out.rebinding = optional_seconds(value.at("rebinding_s"));
  return out;
}

}  // namespace anabranch::host
