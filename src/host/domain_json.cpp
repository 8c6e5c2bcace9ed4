// SPDX-License-Identifier: MIT
#include "host/domain_json.hpp"

#include <stdexcept>

#include <nlohmann/json.hpp>

namespace anabranch::host {
namespace {

using nlohmann::json;

/// The year 2200: a clock of nanoseconds in 64 bits ends soon after.
constexpr std::int64_t kLatestTime_ms = 7'258'118'400'000;

/// Milliseconds of the wall clock; 0 for what has been, null for what never comes.
json time_to_json(MonotonicTime time, const Clocks& clocks) {
  if (time == MonotonicTime::max()) return nullptr;
  if (time <= clocks.monotonic) return 0;
  const auto wall =
      clocks.wall + std::chrono::duration_cast<WallTime::duration>(time - clocks.monotonic);
  return std::chrono::duration_cast<milliseconds>(wall.time_since_epoch()).count();
}

MonotonicTime time_from_json(const json& value, const Clocks& clocks) {
  if (value.is_null()) return MonotonicTime::max();
  const auto wall = value.is_number_integer() ? value.get<std::int64_t>() : -1;
  if (wall < 0 || wall > kLatestTime_ms) throw std::out_of_range("a time is out of bounds");
  const auto left = WallTime(milliseconds(wall)) - clocks.wall;
  if (left <= WallTime::duration{}) return MonotonicTime{};
  return clocks.monotonic + std::chrono::duration_cast<MonotonicClock::duration>(left);
}

IpPrefix prefix_from(const json& value) {
  return IpPrefix::parse(value.get<std::string>()).value();
}

}  // namespace

json domain_to_json(const Domain& domain, const Clocks& clocks) {
  const auto time = [&](MonotonicTime value) { return time_to_json(value, clocks); };
  json prefixes = json::array();
  for (const auto& prefix : domain.prefixes)
    prefixes.push_back({{"prefix", prefix.prefix.text()},
                        {"autonomous", prefix.autonomous},
                        {"on_link_ms", time(prefix.on_link_until)},
                        {"valid_ms", time(prefix.valid_until)},
                        {"preferred_ms", time(prefix.preferred_until)}});
  json routes = json::array();
  for (const auto& route : domain.routes)
    routes.push_back({{"to", route.to.text()}, {"until_ms", time(route.until)}});
  json resolvers = json::array();
  for (const auto& resolver : domain.resolvers)
    resolvers.push_back({{"address", resolver.address.text()}, {"until_ms", time(resolver.until)}});
  return {{"id", domain.id},
          {"index", domain.route.index},
          {"count", domain.route.count},
          {"router", domain.router.text()},
          {"withdrawn", domain.withdrawn},
          {"lived", domain.lived},
          {"until_ms", time(domain.until)},
          {"managed", domain.managed},
          {"mtu", domain.mtu},
          {"prefixes", prefixes},
          {"routes", routes},
          {"resolvers", resolvers}};
}

Domain domain_from_json(const json& value, const Clocks& clocks) {
  const auto time = [&](const json& from) { return time_from_json(from, clocks); };
  Domain out;
  out.id = value.at("id").get<std::string>();
  out.route = {value.at("index").get<std::uint8_t>(), value.at("count").get<std::uint8_t>()};
  out.router = IpAddress::parse(value.at("router").get<std::string>()).value();
  out.withdrawn = value.at("withdrawn").get<bool>();
  out.lived = value.at("lived").get<bool>();
  out.until = time(value.at("until_ms"));
  out.managed = value.at("managed").get<bool>();
  out.mtu = value.at("mtu").get<std::uint32_t>();
  for (const auto& prefix : value.at("prefixes"))
    out.prefixes.push_back({prefix_from(prefix.at("prefix")), prefix.at("autonomous").get<bool>(),
                            time(prefix.at("on_link_ms")), time(prefix.at("valid_ms")),
                            time(prefix.at("preferred_ms"))});
  for (const auto& route : value.at("routes"))
    out.routes.push_back({prefix_from(route.at("to")), time(route.at("until_ms"))});
  for (const auto& resolver : value.at("resolvers"))
    out.resolvers.push_back({IpAddress::parse(resolver.at("address").get<std::string>()).value(),
                             time(resolver.at("until_ms"))});
  return out;
}

json address_to_json(const AddressMemory& address) {
  return {{"path", address.place.path},
          {"network", address.place.network},
          {"prefix", address.place.prefix.text()},
          {"counter", address.counter},
          {"conflicts", address.conflicts}};
}

AddressMemory address_from_json(const json& value) {
  AddressMemory out;
  out.place = {value.at("path").get<unsigned>(), value.at("network").get<std::string>(),
               prefix_from(value.at("prefix"))};
  out.counter = value.at("counter").get<unsigned>();
  out.conflicts = value.at("conflicts").get<unsigned>();
  return out;
}

}  // namespace anabranch::host
