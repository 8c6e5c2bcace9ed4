// SPDX-License-Identifier: MIT
#include "gateway/kea6_config.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "gateway/kea_parts.hpp"
#include "wire/converter_addresses.hpp"

namespace anabranch::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kUnnamed = "names-no-path";
constexpr std::string_view kWithLease = "has-a-lease";
/// Sub-option of the vendor option.
constexpr unsigned kSubOption = 1;
/// DHCPv6's IA_NA with an address and IA_PD with a prefix inside (RFC 8415 section 21).
constexpr std::string_view kNamesLease =
    "option[3].option[5].exists or option[25].option[26].exists";

std::string vendor_space() {
  return fmt::format("vendor-{}", kExtRouteEnterprise);
}

/// Theirs who name no path: the lowest that works, as with Router Advertisements.
const Uplink* base_of(const Settings& settings, const KeaRefusals& refusals) {
  const auto works = std::ranges::find_if(settings.uplinks, [&](const Uplink& uplink) {
    return uplink.ipv6 && !refusals.down.contains(uplink.index);
  });
  return works == settings.uplinks.end() ? settings.base(Family::kIpv6) : &*works;
}

Json make_classes(const Settings& settings, const KeaRefusals& refusals) {
  Json out = Json::array();
  const std::string option =
      fmt::format("vendor[{}].option[{}].hex", kExtRouteEnterprise, kSubOption);
  // Without EXT_ROUTE, with index 0, or with something of another length, which is ignored.
  out.push_back(client_class(
      kUnnamed, fmt::format("substring({0},0,1) == '' or substring({0},0,1) == 0x00 or "
                            "not (substring({0},2,1) == '')",
                            option)));
  // Kea itself finds the subnet of an address that the client names.
  out.push_back(
      client_class(kWithLease, fmt::format("member('{}') and ({})", kUnnamed, kNamesLease)));
  const Uplink* base = base_of(settings, refusals);
  for (const auto& uplink : settings.uplinks) {
    if (!uplink.ipv6) continue;
    const bool down = refusals.down.contains(uplink.index);
    std::string test = fmt::format("member('{}')", &uplink == base ? kUnnamed : kWithLease);
    if (!down)
      test = fmt::format("substring({},0,1) == 0x{:02x} or {}", option, uplink.index, test);
    else if (&uplink != base)
      test = kNobody;
    out.push_back(client_class(path_class(uplink), std::move(test)));
  }
  return out;
}

/// In every subnet by itself: one of the whole network keeps what it held in the first answer, and
/// clients of other paths would be told the wrong index.
Json make_options(const Settings& settings, const Uplink& uplink) {
  Json out = {{{"name", "vendor-opts"},
               {"data", std::to_string(kExtRouteEnterprise)},
               {"always-send", true}},
              {{"name", "ext-route"},
               {"space", vendor_space()},
               {"csv-format", false},
               {"data", fmt::format("{:02x}{:02x}", uplink.index, settings.count())},
               {"always-send", true}},
              // Without it each client waits a second for the offers of others (RFC 8415 section
              // 18.2.1).
              {{"name", "preference"}, {"data", "255"}, {"always-send", true}}};
  const auto sub_option = [&](std::string_view name, std::span<const std::uint8_t> value) {
    auto option = binary_option(name, value);
    option["space"] = vendor_space();
    option["always-send"] = true;
    out.push_back(std::move(option));
  };
  if (const auto converters = settings.converters.of(Family::kIpv6); !converters.empty()) {
    sub_option(kConvertersName, wire::encode_converters6(converters));
    sub_option(kConverterPortName, wire::encode_converter_port(settings.converters.port));
  }
  if (uplink.dns.empty()) return out;
  std::string list;
  for (const auto& address : uplink.dns) list += (list.empty() ? "" : ", ") + address.text();
  out.push_back({{"name", "dns-servers"}, {"data", list}});
  return out;
}

Json make_subnet(const Settings& settings, const Uplink& uplink) {
  const Ipv6& ipv6 = *uplink.ipv6;
  Json out = {{"id", uplink.index},
              {"subnet", ipv6.source_prefix.text()},
              {"client-class", path_class(uplink)},
              {"pools", {{{"pool", ipv6.pool.first.text() + "-" + ipv6.pool.last.text()}}}}};
  if (ipv6.delegated)
    out["pd-pools"] = {{{"prefix", ipv6.delegated->network().text()},
                        {"prefix-len", ipv6.delegated->length()},
                        {"delegated-len", ipv6.delegated_length}}};
  out["option-data"] = make_options(settings, uplink);
  return out;
}

/// Relayed clients are told by the relay's address, those of the LAN by the interface.
Json make_network(const Settings& settings, const KeaPlaces& places) {
  Json out = {{"name", "lan"}};
  Json subnets = Json::array();
  Json relays = Json::array();
  for (const auto& uplink : settings.uplinks) {
    if (!uplink.ipv6) continue;
    subnets.push_back(make_subnet(settings, uplink));
    relays.push_back(uplink.ipv6->router.text());
  }
  if (settings.routed)
    out["relay"] = {{"ip-addresses", std::move(relays)}};
  else
    out["interface"] = places.listen.substr(0, places.listen.find('/'));
  out["subnet6"] = std::move(subnets);
  return out;
}

}  // namespace

KeaPlaces own_kea6_places(const Settings& settings) {
  return {settings.lan, "/run/kea/kea6-ctrl-socket", {}};
}

std::string kea6_config(const Settings& settings, const KeaRefusals& refusals,
                        const KeaPlaces& places) {
  Json server;
  // The interface's own link-local address may still be under test (RFC 4862).
  server["interfaces-config"] = {{"interfaces", {places.listen}},
                                 {"service-sockets-max-retries", 20},
                                 {"service-sockets-retry-wait-time", 500}};
  if (!places.control_socket.empty())
    server["control-socket"] = {{"socket-type", "unix"}, {"socket-name", places.control_socket}};
  server["lease-database"] =
      make_lease_database(settings.dhcp.lease_database, "/var/lib/kea/kea-leases6.csv");
  server["statistic-default-sample-count"] = 1;
  server["reservations-global"] = false;
  server["reservations-in-subnet"] = false;
  server["reservations-out-of-pool"] = false;
  server["host-reservation-identifiers"] = {"duid"};
  server["preferred-lifetime"] = settings.dhcp6.lease_time.count();
  server["valid-lifetime"] = settings.dhcp6.lease_time.count();
  server["option-def"] = {
      binary_definition("ext-route", kSubOption, vendor_space()),
      binary_definition(kConvertersName, registry::kConvertersSubOption, vendor_space()),
      binary_definition(kConverterPortName, registry::kConverterPortSubOption, vendor_space())};
  server["client-classes"] = make_classes(settings, refusals);
  server["shared-networks"] = Json::array({make_network(settings, places)});
  if (!places.control_socket.empty())
    server["loggers"] = make_loggers("kea-dhcp6", settings.dhcp.lease_database.type != "memfile");
  return Json{{"Dhcp6", std::move(server)}}.dump(2) + "\n";
}

}  // namespace anabranch::gateway
