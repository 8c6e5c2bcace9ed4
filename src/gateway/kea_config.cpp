// SPDX-License-Identifier: MIT
#include "gateway/kea_config.hpp"

#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "gateway/kea_parts.hpp"
#include "wire/converter_addresses.hpp"

namespace anabranch::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kUnnamed = "names-no-path";
constexpr std::string_view kNamed = "names-a-path";
constexpr std::string_view kWithAddress = "has-an-address";
// Of a range nobody uses (RFC 1112 section 4), without a pool.
constexpr std::string_view kRefusedSubnet = "240.0.0.0/32";
constexpr unsigned kRefusedSubnetId = registry::kMaxUplinks + 1;

/// Kea's own name for those whose messages it drops.
Json make_drop_class(const std::set<MacAddress>& held_back) {
  std::string any;
  for (const auto& mac : held_back)
    any += fmt::format("{}pkt4.mac == 0x{}", any.empty() ? "" : " or ", hex_text(mac.octets));
  return client_class("DROP", fmt::format("pkt4.ciaddr == 0.0.0.0 and ({})", any));
}

/// Kea evaluates the test of every class for every message, and that is most of what our
/// configuration costs it: the tests of paths are as short as can be. A client that names no path
/// is let into the base, and with an address into every path: Kea itself finds the subnet of a
/// client's address, and takes the first, the base, when there is none.
Json make_classes(const Settings& settings, const KeaRefusals& refusals) {
  Json out = Json::array();
  if (!refusals.held_back.empty()) out.push_back(make_drop_class(refusals.held_back));
  const std::string option = fmt::format("option[{}].hex", settings.dhcp.ext_route_code);
  // Without EXT_ROUTE, with index 0, or with something of another length, which is ignored.
  out.push_back(client_class(
      kUnnamed, fmt::format("substring({0},0,1) == '' or substring({0},0,1) == 0x00 or "
                            "not (substring({0},2,1) == '')",
                            option)));
  out.push_back(client_class(kNamed, fmt::format("not member('{}')", kUnnamed)));
  out.push_back(client_class(
      kWithAddress,
      fmt::format("member('{}') and (not (pkt4.ciaddr == 0.0.0.0) or option[50].exists)",
                  kUnnamed)));
  for (const auto& uplink : settings.uplinks) {
    if (!uplink.has_ipv4()) continue;
    const bool base = &uplink == settings.base(Family::kIpv4);
    const bool down = refusals.down.contains(uplink.index);
    std::string test = fmt::format("member('{}')", base ? kUnnamed : kWithAddress);
    if (!down)
      test = fmt::format("substring({},0,1) == 0x{:02x} or {}", option, uplink.index, test);
    else if (!base)
      test = kNobody;
    out.push_back(client_class(path_class(uplink), std::move(test)));
  }
  return out;
}

Json make_subnet(const Settings& settings, const Uplink& uplink) {
  return {{"id", uplink.index},
          {"subnet", uplink.source_prefix.text()},
          {"client-class", path_class(uplink)},
          {"pools", {{{"pool", uplink.pool.first.text() + "-" + uplink.pool.last.text()}}}},
          {"option-data",
           {{{"name", "routers"}, {"data", uplink.router.text()}},
            {{"name", "ext-route"},
             {"csv-format", false},
             {"data", fmt::format("{:02x}{:02x}", uplink.index, settings.count())},
             {"always-send", true}}}}};
}

/// What all paths have in common: for clients that ask for it.
void add_options(Json& server, const Settings& settings) {
  constexpr std::string_view kSpace = "dhcp4";
  server["option-def"] =
      Json::array({binary_definition("ext-route", settings.dhcp.ext_route_code, kSpace)});
  Json out = Json::array();
  if (!settings.dhcp.dns.empty()) {
    std::string list;
    for (const auto& address : settings.dhcp.dns)
      list += (list.empty() ? "" : ", ") + address.text();
    out.push_back({{"name", "domain-name-servers"}, {"data", list}});
  }
  if (const auto list = wire::encode_converters4(settings.converters.of(Family::kIpv4))) {
    const auto add = [&](std::string_view name, unsigned code,
                         std::span<const std::uint8_t> value) {
      server["option-def"].push_back(binary_definition(name, code, kSpace));
      out.push_back(binary_option(name, value));
    };
    add(kConvertersName, registry::kConvertersCode, *list);
    add(kConverterPortName, registry::kConverterPortCode,
        wire::encode_converter_port(settings.converters.port));
  }
  if (!out.empty()) server["option-data"] = std::move(out);
}

/// Kea drops a REQUEST that fits no subnet; one that fits a subnet without addresses it refuses
/// with a NAK. The last one, so that it serves only who fits no other.
Json make_refusing_subnet() {
  return {{"id", kRefusedSubnetId}, {"subnet", kRefusedSubnet}, {"client-class", kNamed}};
}

/// Relayed clients are told by the relay's address, those of the LAN by the interface.
Json make_network(const Settings& settings, const KeaPlaces& places, Json subnets) {
  Json out = {{"name", "lan"}};
  if (!settings.routed) out["interface"] = places.listen.substr(0, places.listen.find('/'));
  if (!settings.dhcp.relays.empty()) {
    Json relays = Json::array();
    for (const auto& address : settings.dhcp.relays) relays.push_back(address.text());
    out["relay"] = {{"ip-addresses", std::move(relays)}};
  }
  out["subnet4"] = std::move(subnets);
  return out;
}

}  // namespace

KeaPlaces own_kea_places(const Settings& settings) {
  // Hosts behind other routers send no broadcasts here, and relays may use any address of ours.
  // Else one address, since Kea answers once for every address it listens on.
  const Uplink* base = settings.base(Family::kIpv4);
  const bool one = !settings.routed && base != nullptr;
  return {one ? settings.lan + "/" + base->router.text() : settings.lan,
          "/run/kea/kea4-ctrl-socket", find_lease_commands().string()};
}

std::filesystem::path find_lease_commands() {
  namespace fs = std::filesystem;
  const fs::path rest = "kea/hooks/libdhcp_lease_cmds.so";
  std::error_code error;
  for (const char* folder : {"/usr/lib", "/usr/lib64", "/usr/local/lib"})
    if (auto path = folder / rest; fs::exists(path, error)) return path;
  // Debian has a folder for each architecture.
  for (fs::directory_iterator entry("/usr/lib", error), end; !error && entry != end;
       entry.increment(error))
    if (auto path = entry->path() / rest; fs::exists(path, error)) return path;
  return {};
}

std::string kea_config(const Settings& settings, const KeaRefusals& refusals,
                       const KeaPlaces& places) {
  const Dhcp& dhcp = settings.dhcp;
  Json server;
  server["interfaces-config"] = {{"interfaces", {places.listen}},
                                 // What relays send comes through ordinary routing.
                                 {"dhcp-socket-type", settings.routed ? "udp" : "raw"},
                                 {"service-sockets-max-retries", 10},
                                 {"service-sockets-retry-wait-time", 500}};
  if (!places.control_socket.empty())
    server["control-socket"] = {{"socket-type", "unix"}, {"socket-name", places.control_socket}};
  if (!places.lease_commands.empty())
    server["hooks-libraries"] = {{{"library", places.lease_commands}}};
  server["lease-database"] =
      make_lease_database(dhcp.lease_database, "/var/lib/kea/kea-leases4.csv");
  // Nobody else knows the leases of this LAN: a client with a wrong address is told so at once.
  server["authoritative"] = true;
  // The last value of each statistic is all we ask for.
  server["statistic-default-sample-count"] = 1;
  // There are none: not looking for them, in each subnet by each identifier, saves time.
  server["reservations-global"] = false;
  server["reservations-in-subnet"] = false;
  server["reservations-out-of-pool"] = false;
  server["host-reservation-identifiers"] = {"hw-address"};
  server["valid-lifetime"] = dhcp.lease_time.count();
  add_options(server, settings);
  server["client-classes"] = make_classes(settings, refusals);
  Json subnets = Json::array();
  for (const auto& uplink : settings.uplinks)
    if (uplink.has_ipv4()) subnets.push_back(make_subnet(settings, uplink));
  subnets.push_back(make_refusing_subnet());
  server["shared-networks"] = Json::array({make_network(settings, places, std::move(subnets))});
  if (!places.control_socket.empty())
    server["loggers"] = make_loggers("kea-dhcp4", dhcp.lease_database.type != "memfile");
  return Json{{"Dhcp4", std::move(server)}}.dump(2) + "\n";
}

}  // namespace anabranch::gateway
