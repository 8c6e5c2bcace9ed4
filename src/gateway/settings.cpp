// SPDX-License-Identifier: MIT
#include "gateway/settings.hpp"

#include <algorithm>

#include "gateway/setting_definitions.hpp"
#include "gateway/settings_checks.hpp"
#include "gateway/settings_converters.hpp"
#include "gateway/settings_health.hpp"
#include "gateway/settings_ipv6.hpp"
#include "gateway/settings_values.hpp"

namespace anabranch::gateway {

using config::Setting;

namespace {

// Kea matches a prefix by its octets (kea_config.cpp); these lengths hold a LAN and stay matchable.
constexpr unsigned kShortestPrefix = 8;
constexpr unsigned kLongestPrefix = 29;
constexpr std::size_t kMaxInterfaceName = 15;

IpAddress offset(const IpPrefix& prefix, std::uint32_t by) {
  return IpAddress::v4(prefix.network().to_v4() + by);
}

std::uint32_t size_of(const IpPrefix& prefix) {
  return std::uint32_t{1} << (32 - prefix.length());
}

/// Leaves the first sixteenth of the prefix to fixed addresses and a few at its end.
AddressRange usual_pool(const IpPrefix& prefix) {
  const std::uint32_t size = size_of(prefix);
  return {offset(prefix, std::max(2u, size / 16)),
          offset(prefix, size - 1 - std::clamp(size / 16, 1u, 5u))};
}

/// Names go into nft's rules and sysctl paths, so that only plain characters are let through.
bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxInterfaceName && name != "." && name != ".." &&
         std::ranges::all_of(name, [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-:@").contains(static_cast<char>(c));
         });
}

std::string read_interface(const config::Section& section, const Setting& setting) {
  std::string name = section.text(setting);
  if (!name.empty() && !is_interface_name(name))
    section.complain(setting, "'" + name + "' cannot be the name of an interface",
                     "at most 15 letters, digits and . _ - : @");
  return name;
}

/// IPv4 may be left out, as a whole, where there is IPv6.
Setting needed(Setting setting, const config::Section& section) {
  namespace uplink = definition::uplink;
  if (!section.has(uplink::kIpv6)) return setting;
  setting.required = false;
  for (const auto* key : {&uplink::kNextHop, &uplink::kSourcePrefix, &uplink::kRouter,
                          &uplink::kPool, &uplink::kNat, &uplink::kExternalPrefix})
    setting.required = setting.required || section.has(*key);
  return setting;
}

void read_source(const config::Section& section, Uplink& uplink) {
  const auto prefix =
      read_prefix(section, needed(definition::uplink::kSourcePrefix, section), Family::kIpv4);
  const auto router = read_address(section, definition::uplink::kRouter, Family::kIpv4);
  section.has(definition::uplink::kPool);  // known even when the prefix is wrong
  if (!prefix) return;
  if (prefix->length() < kShortestPrefix || prefix->length() > kLongestPrefix) {
    section.complain(
        definition::uplink::kSourcePrefix,
        "a source prefix of length " + std::to_string(prefix->length()) + " cannot be used",
        "from /" + std::to_string(kShortestPrefix) + " to /" + std::to_string(kLongestPrefix));
    return;
  }
  uplink.source_prefix = *prefix;
  uplink.router = router.value_or(offset(*prefix, 1));
  if (!prefix->contains(uplink.router) || uplink.router == offset(*prefix, 0) ||
      uplink.router == offset(*prefix, size_of(*prefix) - 1)) {
    section.complain(definition::uplink::kRouter,
                     uplink.router.text() + " is no host address of " + prefix->text(),
                     "leave 'router' out to get " + offset(*prefix, 1).text());
    uplink.router = offset(*prefix, 1);
  }
  uplink.pool = read_pool(section, definition::uplink::kPool, definition::uplink::kRouter, *prefix,
                          uplink.router, usual_pool(*prefix));
}

void read_translation(const config::Section& section, Uplink& uplink) {
  const std::string nat = section.choice(definition::uplink::kNat);
  uplink.nat = nat == "none" ? Nat::kNone : nat == "prefix" ? Nat::kPrefix : Nat::kMasquerade;
  uplink.external_prefix = read_prefix(section, definition::uplink::kExternalPrefix, Family::kIpv4);
  if (uplink.nat != Nat::kPrefix) {
    if (section.has(definition::uplink::kExternalPrefix))
      section.complain(definition::uplink::kExternalPrefix,
                       "'external_prefix' has no meaning with nat = \"" + nat + "\"",
                       "write nat = \"prefix\" or leave it out");
    return;
  }
  if (!section.has(definition::uplink::kExternalPrefix)) {
    section.complain(definition::uplink::kNat, "nat = \"prefix\" needs 'external_prefix'",
                     "the provider's prefix, as long as source_prefix");
  } else if (uplink.external_prefix && is_known(uplink.source_prefix) &&
             uplink.external_prefix->length() != uplink.source_prefix.length()) {
    section.complain(
        definition::uplink::kExternalPrefix,
        uplink.external_prefix->text() + " is not as long as " + uplink.source_prefix.text(),
        "each inner address has exactly one outer address, so both are /" +
            std::to_string(uplink.source_prefix.length()));
  }
}

Uplink read_uplink(const config::Section& section) {
  Uplink uplink;
  uplink.name = section.text(definition::uplink::kName);
  uplink.interface = read_interface(section, definition::uplink::kInterface);
  uplink.next_hop =
      read_address(section, needed(definition::uplink::kNextHop, section), Family::kIpv4)
          .value_or(IpAddress());
  uplink.index = static_cast<unsigned>(section.number(definition::uplink::kIndex));
  read_source(section, uplink);
  read_translation(section, uplink);
  uplink.fail_open = section.text(definition::uplink::kFailOpen);
  read_ipv6(section, uplink);
  uplink.health = read_health(section.section(definition::uplink::kHealth), uplink);
  return uplink;
}

LeaseDatabase read_lease_database(const config::Section& section) {
  namespace database = definition::database;
  LeaseDatabase out;
  out.type = section.choice(database::kType);
  out.name = section.text(database::kName);
  out.host = section.text(database::kHost);
  out.user = section.text(database::kUser);
  out.password = section.text(database::kPassword);
  out.port =
      section.has(database::kPort) ? static_cast<unsigned>(section.number(database::kPort)) : 0;
  if (out.type == "postgresql" && out.name.empty())
    section.complain(database::kName, "a postgresql lease database needs 'name'",
                     "the database made with kea-admin db-init pgsql");
  if (out.type == "memfile")
    for (const auto& setting : database::kAll)
      if (setting.key != database::kType.key && section.has(setting))
        section.complain(
            setting,
            "'" + std::string(setting.key) + "' has no meaning for a memfile lease database",
            "write type = \"postgresql\"");
  return out;
}

Dhcp read_dhcp(const config::Section& section, bool has_ipv4) {
  namespace dhcp = definition::dhcp;
  Dhcp out;
  out.mode = parse_dhcp_mode(section.choice(dhcp::kMode));
  if (!has_ipv4 && section.has(dhcp::kMode) && out.mode != DhcpMode::kOff)
    section.complain(dhcp::kMode, "DHCP for IPv4 has nothing to hand out: no uplink has IPv4",
                     "write \"off\", and [dhcp6] for IPv6");
  if (!has_ipv4) out.mode = DhcpMode::kOff;
  out.ext_route_code = static_cast<unsigned>(section.number(dhcp::kExtRouteCode));
  out.lease_time = std::chrono::duration_cast<seconds>(section.duration(dhcp::kLeaseTime));
  out.dns = read_addresses(section, dhcp::kDns, Family::kIpv4, "list the addresses of resolvers");
  out.relays =
      read_addresses(section, dhcp::kRelays, Family::kIpv4, "list the addresses of relays");
  out.leases_per_mac = static_cast<unsigned>(section.number(dhcp::kLeasesPerMac));
  out.lease_database = read_lease_database(section.section(dhcp::kLeaseDatabase));
  return out;
}

void read_lan(const config::Section& lan, Settings& settings) {
  settings.lan = read_interface(lan, definition::lan::kInterface);
  settings.routed = lan.has(definition::lan::kVia);
  if (const auto via = lan.text(definition::lan::kVia); settings.routed && via != "main") {
    const auto address = IpAddress::parse(via);
    if (address && address->is_v4())
      settings.via = *address;
    else
      lan.complain(definition::lan::kVia, "'" + via + "' is not an IPv4 address",
                   "the router between this gateway and the hosts, or \"main\"");
  }
  for (const auto& word : lan.texts(definition::lan::kLocalPrefixes)) {
    const auto prefix = IpPrefix::parse(word);
    if (prefix && !prefix->has_host_bits())
      settings.local_prefixes.push_back(*prefix);
    else
      lan.complain(definition::lan::kLocalPrefixes, "'" + word + "' is not a prefix",
                   "write it like \"192.168.7.0/24\"");
  }
}

Result<Settings> read(const config::Document& document) {
  const auto root = document.root();
  Settings settings;
  read_lan(root.section(definition::kLan), settings);
  const auto sections = root.sections(definition::kUplink);
  for (const auto& section : sections) settings.uplinks.push_back(read_uplink(section));
  check_uplinks_together(settings, sections);
  check_ipv6_together(settings, sections);
  // Whether it is meant to be there: one that was refused is no reason to complain twice.
  const bool has_ipv4 = std::ranges::any_of(sections, [](const auto& section) {
    return needed(definition::uplink::kSourcePrefix, section).required;
  });
  settings.dhcp = read_dhcp(root.section(definition::kDhcp), has_ipv4);
  if (settings.routed && settings.dhcp.relays.empty())
    for (const auto& uplink : settings.uplinks)
      if (uplink.has_ipv4()) settings.dhcp.relays.push_back(uplink.router);
  settings.advertise = read_advertise(root.section(definition::kAdvertise));
  settings.dhcp6 = read_dhcp6(root.section(definition::kDhcp6), settings);
  settings.converters = read_converters(root.section(definition::kConverters), settings);
  settings.metrics = status::read_metrics(root);
  ANABRANCH_TRY(document.finish());
  std::ranges::sort(settings.uplinks, {}, &Uplink::index);
  return settings;
}

}  // namespace

std::span<const Setting> setting_definitions() {
  return definition::kAll;
}

std::string_view nat66_name(Nat66 nat) {
  switch (nat) {
    case Nat66::kNone:
      return "none";
    case Nat66::kStateful:
      return "stateful";
    case Nat66::kStateless:
      return "stateless";
  }
  return {};
}

std::string_view nat_name(Nat nat) {
  switch (nat) {
    case Nat::kMasquerade:
      return "masquerade";
    case Nat::kPrefix:
      return "prefix";
    case Nat::kNone:
      return "none";
  }
  return {};
}

DhcpMode parse_dhcp_mode(std::string_view name) {
  return name == "off" ? DhcpMode::kOff : name == "external" ? DhcpMode::kExternal : DhcpMode::kKea;
}

std::string_view dhcp_mode_name(DhcpMode mode) {
  switch (mode) {
    case DhcpMode::kKea:
      return "kea";
    case DhcpMode::kExternal:
      return "external";
    case DhcpMode::kOff:
      return "off";
  }
  return {};
}

std::vector<IpAddress> Converters::of(Family family) const {
  std::vector<IpAddress> out;
  for (const auto& address : addresses)
    if (address.family() == family) out.push_back(address);
  return out;
}

const Uplink* Settings::base(Family family) const {
  const auto found = std::ranges::find_if(uplinks, [&](const Uplink& uplink) {
    return family == Family::kIpv4 ? uplink.has_ipv4() : uplink.ipv6.has_value();
  });
  return found == uplinks.end() ? nullptr : &*found;
}

const Uplink* Settings::find(std::string_view name) const {
  const auto found = std::ranges::find(uplinks, name, &Uplink::name);
  return found == uplinks.end() ? nullptr : &*found;
}

Result<Settings> parse(std::string_view text, std::string name) {
  const auto document = config::Document::parse(text, std::move(name));
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

Result<Settings> load(const std::filesystem::path& file) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

}  // namespace anabranch::gateway
