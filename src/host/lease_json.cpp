// SPDX-License-Identifier: MIT
#include "host/lease_json.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace anabranch::host {
namespace {

using nlohmann::json;

json optional_seconds(const std::optional<seconds>& value) {
  return value ? json(value->count()) : json(nullptr);
}
std::optional<seconds> optional_seconds(const json& value) {
  if (value.is_null()) return std::nullopt;
  return seconds(value.get<std::int64_t>());
}

}  // namespace

json lease_to_json(const Lease& lease, const Clocks& clocks) {
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
  const WallTime obtained(milliseconds(value.at("obtained_ms").get<std::int64_t>()));
  const auto age = std::max(clocks.wall - obtained, WallTime::duration{});
  out.obtained = clocks.monotonic - std::chrono::duration_cast<MonotonicTime::duration>(age);
  out.duration = optional_seconds(value.at("lease_s"));
  out.renewal = optional_seconds(value.at("renewal_s"));
  out.rebinding = optional_seconds(value.at("rebinding_s"));
  return out;
}

}  // namespace anabranch::host
