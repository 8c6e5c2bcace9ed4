// SPDX-License-Identifier: MIT
#include "gateway/kea_config.hpp"

#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace anabranch::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNamesAPath = "names-a-path";
constexpr std::string_view kRefused = "refused";
// Of a range nobody uses (RFC 1112 section 4), without a pool.
constexpr std::string_view kRefusedSubnet = "240.0.0.0/32";
constexpr unsigned kRefusedSubnetId = registry::kMaxUplinks + 1;

std::string hex(std::span<const std::uint8_t> octets) {
  std::string out;
  for (const auto octet : octets) out += fmt::format("{:02x}", octet);
  return out;
}

/// Kea's expressions have no "less than" and no masks: whole octets are compared at once, and of
/// the octet that the prefix ends in, every value it may have is listed (at most 128).
std::string lies_in(std::string_view value, const IpPrefix& prefix) {
  const unsigned whole = prefix.length() / 8;
  const unsigned bits = prefix.length() % 8;
  const auto network = prefix.network();
  std::string out =
      fmt::format("substring({},0,{}) == 0x{}", value, whole, hex(network.octets().first(whole)));
  if (bits == 0) return out;
  const unsigned first = network.octets()[whole];
  std::string last_octet;
  for (unsigned octet = first; octet < first + (1u << (8 - bits)); ++octet)
    last_octet += fmt::format("{}substring({},{},1) == 0x{:02x}", last_octet.empty() ? "" : " or ",
                              value, whole, octet);
  return fmt::format("({} and ({}))", out, last_octet);
}

std::string prefix_class(const Uplink& uplink) {
  return fmt::format("prefix-{}", uplink.index);
}
std::string path_class(const Uplink& uplink) {
  return fmt::format("path-{}", uplink.index);
}

Json client_class(std::string_view name, std::string test) {
  return {{"name", name}, {"test", std::move(test)}};
}

/// True for clients that are members of one of the classes `name` gives for `uplinks`.
template <class Name>
std::string in_any(const std::vector<Uplink>& uplinks, Name name) {
  std::string out;
  for (const auto& uplink : uplinks)
    out += fmt::format("{}member('{}')", out.empty() ? "" : " or ", name(uplink));
  return "(" + out + ")";
}

std::string test_of_path(const Settings& settings, const Uplink& uplink, bool down) {
  const bool base = &uplink == &settings.base();
  // A test that is never true keeps the subnet, and with it the leases, in the configuration.
  if (down && !base) return "'down' == 'up'";
  std::string by_address =
      fmt::format("not member('{}') and (member('{}'){})", kNamesAPath, prefix_class(uplink),
                  base ? " or not " + in_any(settings.uplinks, prefix_class) : std::string());
  if (down) return by_address;
  return fmt::format("(member('{}') and substring(option[{}].hex,0,1) == 0x{:02x}) or ({})",
                     kNamesAPath, settings.dhcp.ext_route_code, uplink.index, by_address);
}

/// Kea's own name for those whose messages it drops.
Json make_drop_class(const std::set<MacAddress>& held_back) {
  std::string any;
  for (const auto& mac : held_back)
    any += fmt::format("{}pkt4.mac == 0x{}", any.empty() ? "" : " or ", hex(mac.octets));
  return client_class("DROP", fmt::format("pkt4.ciaddr == 0.0.0.0 and ({})", any));
}

Json make_classes(const Settings& settings, const KeaRefusals& refusals) {
  Json out = Json::array();
  if (!refusals.held_back.empty()) out.push_back(make_drop_class(refusals.held_back));
  const std::string option = fmt::format("option[{}].hex", settings.dhcp.ext_route_code);
  out.push_back(client_class(
      kNamesAPath, fmt::format("not (substring({0},0,1) == '') and substring({0},2,1) == '' and "
                               "not (substring({0},0,1) == 0x00)",
                               option)));
  for (const auto& uplink : settings.uplinks)
    out.push_back(client_class(prefix_class(uplink),
                               fmt::format("{} or {}", lies_in("pkt4.ciaddr", uplink.source_prefix),
                                           lies_in("option[50].hex", uplink.source_prefix))));
  for (const auto& uplink : settings.uplinks)
    out.push_back(client_class(
        path_class(uplink), test_of_path(settings, uplink, refusals.down.contains(uplink.index))));
  out.push_back(client_class(kRefused, "not " + in_any(settings.uplinks, path_class)));
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

/// Kea drops a REQUEST that fits no subnet; one that fits a subnet without addresses it refuses
/// with a NAK.
Json make_refusing_subnet() {
  return {{"id", kRefusedSubnetId}, {"subnet", kRefusedSubnet}, {"client-class", kRefused}};
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

Json make_lease_database(const LeaseDatabase& database) {
  if (database.type == "memfile")
    return {{"type", "memfile"}, {"persist", true}, {"name", "/var/lib/kea/kea-leases4.csv"}};
  Json out = {{"type", database.type}, {"name", database.name}};
  if (!database.host.empty()) out["host"] = database.host;
  if (database.port != 0) out["port"] = database.port;
  if (!database.user.empty()) out["user"] = database.user;
  if (!database.password.empty()) out["password"] = database.password;
  return out;
}

}  // namespace

KeaPlaces own_kea_places(const Settings& settings) {
  // Hosts behind other routers send no broadcasts here, and relays may use any address of ours.
  // Else one address, since Kea answers once for every address it listens on.
  return {settings.routed ? settings.lan : settings.lan + "/" + settings.base().router.text(),
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
  server["lease-database"] = make_lease_database(dhcp.lease_database);
  // Nobody else knows the leases of this LAN: a client with a wrong address is told so at once.
  server["authoritative"] = true;
  // There are none: not looking for them, in each subnet by each identifier, saves time.
  server["reservations-global"] = false;
  server["reservations-in-subnet"] = false;
  server["reservations-out-of-pool"] = false;
  server["host-reservation-identifiers"] = {"hw-address"};
  server["valid-lifetime"] = dhcp.lease_time.count();
  server["option-def"] = {{{"name", "ext-route"},
                           {"code", dhcp.ext_route_code},
                           {"type", "binary"},
                           {"space", "dhcp4"}}};
  if (!dhcp.dns.empty()) {
    std::string list;
    for (const auto& address : dhcp.dns) list += (list.empty() ? "" : ", ") + address.text();
    server["option-data"] = {{{"name", "domain-name-servers"}, {"data", list}}};
  }
  server["client-classes"] = make_classes(settings, refusals);
  Json subnets = Json::array();
  for (const auto& uplink : settings.uplinks) subnets.push_back(make_subnet(settings, uplink));
  subnets.push_back(make_refusing_subnet());
  server["shared-networks"] = Json::array({make_network(settings, places, std::move(subnets))});
  if (!places.control_socket.empty())
    server["loggers"] = {
        {{"name", "kea-dhcp4"},
         {"severity", "INFO"},
         {"output_options", {{{"output", "stdout"}, {"flush", true}, {"pattern", "%p %m\n"}}}}},
        // Else a line for every class of every message, and one for every lease: they would cost a
        // fifth of the speed. Leases in a file are followed there (lease_journal.hpp).
        {{"name", "kea-dhcp4.eval"}, {"severity", "WARN"}},
        {{"name", "kea-dhcp4.leases"},
         {"severity", dhcp.lease_database.type == "memfile" ? "WARN" : "INFO"}}};
  return Json{{"Dhcp4", std::move(server)}}.dump(2) + "\n";
}

}  // namespace anabranch::gateway
