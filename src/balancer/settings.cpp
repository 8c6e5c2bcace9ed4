// SPDX-License-Identifier: MIT
#include "balancer/settings.hpp"

#include <algorithm>

#include <steering/entries.h>

#include "balancer/setting_definitions.hpp"
#include "balancer/settings_health.hpp"

namespace anabranch::balancer {
namespace {

using config::Section;
using config::Setting;
using kernel::BalancerHook;

namespace key = definition;

template <class Values, class Value>
bool has(const Values& values, const Value& value) {
  return std::ranges::find(values, value) != values.end();
}

std::string family_text(Family family) {
  return family == Family::kIpv4 ? "IPv4" : "IPv6";
}

std::vector<IpAddress> read_addresses(const Section& section, const Setting& setting) {
  std::vector<IpAddress> out;
  for (const auto& text : section.texts(setting)) {
    const auto address = IpAddress::parse(text);
    if (!address || address->is_unspecified())
      section.complain(setting, "'" + text + "' is not an address",
                       "write it like \"192.0.2.1\" or \"2001:db8::1\"");
    else
      out.push_back(*address);
  }
  return out;
}

BothFamilies read_both_families(const Section& section, const Setting& setting) {
  BothFamilies out;
  for (const auto& address : read_addresses(section, setting)) {
    auto& place = out.at(family_index(address.family()));
    if (place)
      section.complain(setting, "there are two addresses of " + family_text(address.family()),
                       "one of each IP family is enough");
    place = address;
  }
  return out;
}

void read_own(const Section& section, BalancerSettings& out) {
  namespace own = key::own;
  out.interface = section.text(own::kInterface);
  const auto hook = std::ranges::find(own::kHooks, section.choice(own::kHook));
  out.hook = static_cast<BalancerHook>(hook - own::kHooks.begin());
  out.pins = section.text(own::kPins);
  out.connections = static_cast<std::uint32_t>(section.number(own::kConnections));
  out.tokens = static_cast<std::uint32_t>(section.number(own::kTokens));
  out.inserts_per_second = static_cast<std::uint32_t>(section.number(own::kInserts));
  out.first_join_port = static_cast<std::uint16_t>(section.number(own::kFirstJoinPort));
  out.sources = read_both_families(section, own::kSources);
  out.slow_start = section.duration(own::kSlowStart);
}

Server read_server(const Section& section, const BalancerSettings& settings) {
  namespace own = key::server;
  Server out;
  out.name = section.text(own::kName);
  out.id = static_cast<std::uint16_t>(section.number(own::kId));
  out.addresses = read_both_families(section, own::kAddresses);
  out.weight = static_cast<unsigned>(section.number(own::kWeight));
  out.encapsulates = section.choice(own::kForward) == "encapsulate";
  out.join_addresses = read_addresses(section, own::kJoinAddresses);
  for (const auto& other : settings.servers) {
    if (other.name == out.name)
      section.complain(own::kName, "two servers have the name '" + out.name + "'",
                       "a server has a name of its own");
    if (other.id == out.id)
      section.complain(own::kId, "'" + other.name + "' has this id, too",
                       "a server has an id of its own");
    for (const auto& address : out.join_addresses)
      if (has(other.join_addresses, address))
        section.complain(own::kJoinAddresses,
                         address.text() + " belongs to '" + other.name + "', too",
                         "a join address names one server");
  }
  for (std::size_t family = 0; family < out.addresses.size(); ++family)
    if (out.encapsulates && out.addresses.at(family) && !settings.sources.at(family))
      section.complain(own::kForward, "there is nothing to send encapsulated packets from",
                       "name an address of this IP family in [balancer] encapsulation_sources");
  return out;
}

void read_cures(const Section& section, Vip& out) {
  namespace own = key::vip;
  if (!section.has(own::kCures)) {
    out.by_port = true;
    return;
  }
  for (const auto& cure : section.texts(own::kCures)) {
    if (cure == "port")
      out.by_port = true;
    else if (cure == "address")
      out.by_address = true;
    else if (cure == "token")
      out.by_token = true;
    else
      section.complain(own::kCures, "'" + cure + "' is no cure",
                       "\"port\", \"address\" or \"token\"");
  }
}

void read_servers_of(const Section& section, const BalancerSettings& settings, Vip& out) {
  namespace own = key::vip;
  if (!section.has(own::kServers)) {
    for (const auto& server : settings.servers) out.servers.push_back(server.id);
    return;
  }
  for (const auto& name : section.texts(own::kServers)) {
    const auto found = std::ranges::find(settings.servers, name, &Server::name);
    if (found == settings.servers.end())
      section.complain(own::kServers, "there is no server '" + name + "'",
                       "name one that has a [[server]]");
    else if (!has(out.servers, found->id))
      out.servers.push_back(found->id);
  }
}

/// A join port of one service must not be the port of another one of the same address.
void check_ports(const Section& section, const BalancerSettings& settings, const Vip& vip) {
  unsigned highest = 0;
  for (const auto& server : settings.servers) highest = std::max<unsigned>(highest, server.id);
  const unsigned port = vip.address.port;
  if (port < settings.first_join_port || port > settings.first_join_port + highest) return;
  const auto shares = [&](const Vip& other) {
    return other.by_port && other.address.address == vip.address.address;
  };
  if (shares(vip) || std::ranges::any_of(settings.vips, shares))
    section.complain(key::vip::kAddress, "port " + std::to_string(port) + " is a join port, too",
                     "move them away with [balancer] first_join_port");
}

Vip read_vip(const Section& section, const BalancerSettings& settings, const HealthCheck& health) {
  namespace own = key::vip;
  Vip out;
  const auto text = section.text(own::kAddress);
  const auto endpoint = Endpoint::parse(text);
  if (endpoint && endpoint->port != 0)
    out.address = *endpoint;
  else if (!text.empty())
    section.complain(own::kAddress, "'" + text + "' is not an address with a port",
                     "write it like \"198.51.100.10:443\" or \"[2001:db8::10]:443\"");
  if (std::ranges::find(settings.vips, out.address, &Vip::address) != settings.vips.end())
    section.complain(own::kAddress, "'" + text + "' is there twice", "name it once");
  read_cures(section, out);
  read_servers_of(section, settings, out);
  check_ports(section, settings, out);
  out.health = read_health(section, own::kHealth, &health);
  const auto family = out.address.address.family();
  for (const auto id : out.servers) {
    const auto& server = *std::ranges::find(settings.servers, id, &Server::id);
    if (!server.addresses.at(family_index(family)))
      section.complain(own::kServers,
                       "'" + server.name + "' has no address of " + family_text(family) +
                           " to send this service's packets to",
                       "give it one in its 'addresses'");
  }
  return out;
}

ControlSettings read_control(const Section& section) {
  namespace own = key::control;
  ControlSettings out;
  out.key_file = section.text(own::kKeyFile);
  const auto texts = section.texts(own::kListen);
  if (texts.empty() && section.has(own::kListen))
    section.complain(own::kListen, "no address is named", "name one of each balancer");
  for (const auto& text : texts) {
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint || endpoint->port == 0 || endpoint->address.is_unspecified())
      section.complain(own::kListen, "'" + text + "' is not an address with a port",
                       "write it like \"192.0.2.1:7443\" or \"[2001:db8::1]:7443\"");
    else if (has(out.listen, *endpoint))
      section.complain(own::kListen, "'" + text + "' is there twice", "name it once");
    else
      out.listen.push_back(*endpoint);
  }
  return out;
}

Result<BalancerSettings> read(const config::Document& document) {
  const Section root = document.root();
  BalancerSettings out;
  read_own(root.section(key::kBalancer), out);
  for (const auto& section : root.sections(key::kServer))
    out.servers.push_back(read_server(section, out));
  const auto health = read_health(root, key::kHealth);
  for (const auto& section : root.sections(key::kVip))
    out.vips.push_back(read_vip(section, out, health));
  if (root.has(key::kControl)) out.control = read_control(root.section(key::kControl));
  out.metrics = status::read_metrics(root);
  if (out.vips.size() > STEER_MOST_SERVICES)
    root.complain(key::kVip, "there are more than " + std::to_string(STEER_MOST_SERVICES),
                  "another balancer may have the others");
  ANABRANCH_TRY(document.finish());
  return out;
}

}  // namespace

std::string_view hook_name(BalancerHook hook) {
  return key::own::kHooks.at(static_cast<std::size_t>(hook));
}

std::span<const Setting> balancer_setting_definitions() {
  return key::kAll;
}

Result<BalancerSettings> load_balancer_settings(const std::filesystem::path& file) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

Result<BalancerSettings> parse_balancer_settings(std::string_view text, std::string name) {
  const auto document = config::Document::parse(text, std::move(name));
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

}  // namespace anabranch::balancer
