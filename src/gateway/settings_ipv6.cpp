// SPDX-License-Identifier: MIT
#include "gateway/settings_ipv6.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "gateway/setting_definitions.hpp"
#include "gateway/settings_values.hpp"

namespace anabranch::gateway {

using config::Section;
using config::Setting;

namespace {

constexpr unsigned kPrefixLength = 64;  // SLAAC knows no other (RFC 4862 section 5.5.3)
constexpr unsigned kShortestDelegated = 16;
// RFC 1035 section 2.3.4.
constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestName = 253;
// Usual pool: interface identifiers ::1:0 to ::1:ffff.
constexpr std::uint32_t kUsualFirst = 0x10000;
constexpr std::uint32_t kUsualLast = 0x1ffff;

/// The address of the /64 with this interface identifier.
IpAddress inside(const IpPrefix& prefix, std::uint32_t identifier) {
  std::array<std::uint8_t, 16> octets{};
  std::ranges::copy(prefix.network().octets(), octets.begin());
  for (std::size_t i = 0; i < 4; ++i)
    octets[15 - i] = static_cast<std::uint8_t>(identifier >> (8 * i));
  return IpAddress::v6(octets);
}

/// Global unicast (2000::/3) or unique local (fc00::/7).
bool is_forwardable(const IpAddress& address) {
  return (address.octets()[0] & 0xe0) == 0x20 || (address.octets()[0] & 0xfe) == 0xfc;
}

std::optional<IpPrefix> read_forwardable(const Section& section, const Setting& setting) {
  const auto prefix = read_prefix(section, setting, Family::kIpv6);
  if (!prefix || is_forwardable(prefix->address())) return prefix;
  section.complain(setting, prefix->text() + " holds no addresses that are forwarded",
                   "a prefix that the provider has assigned, or a unique local one (fc00::/7)");
  return std::nullopt;
}

/// One that SLAAC can use.
std::optional<IpPrefix> read_lan_prefix(const Section& section, const Setting& setting) {
  const auto prefix = read_forwardable(section, setting);
  if (!prefix || prefix->length() == kPrefixLength) return prefix;
  section.complain(setting, prefix->text() + " is not a /64",
                   "hosts make addresses of 64 bits of prefix and 64 of their own");
  return std::nullopt;
}

void read_next_hop(const Section& section, Ipv6& out) {
  const auto address = read_address(section, definition::ipv6::kNextHop, Family::kIpv6);
  if (!address) return;
  if (!is_forwardable(*address) && !is_link_local(*address))
    section.complain(definition::ipv6::kNextHop, address->text() + " cannot be a router's address",
                     "like \"fe80::1\", as `ip -6 route` shows the provider's router");
  out.next_hop = *address;
}

void read_router(const Section& section, Ipv6& out) {
  const IpAddress usual = inside(out.source_prefix, 1);
  out.router = read_address(section, definition::ipv6::kRouter, Family::kIpv6).value_or(usual);
  // The first address of a prefix is every router's (RFC 4291 section 2.6.1).
  if (out.source_prefix.contains(out.router) && out.router != out.source_prefix.network()) return;
  section.complain(definition::ipv6::kRouter,
                   out.router.text() + " is no host address of " + out.source_prefix.text(),
                   "leave 'router' out to get " + usual.text());
  out.router = usual;
}

void read_nat(const Section& section, Ipv6& out) {
  namespace key = definition::ipv6;
  const std::string nat = section.choice(key::kNat);
  out.nat = nat == "stateful"    ? Nat66::kStateful
            : nat == "stateless" ? Nat66::kStateless
                                 : Nat66::kNone;
  out.external_prefix = read_lan_prefix(section, key::kExternalPrefix);
  if (out.nat == Nat66::kNone && section.has(key::kExternalPrefix))
    section.complain(key::kExternalPrefix, "'external_prefix' has no meaning with nat = \"none\"",
                     "write nat = \"stateful\" or leave it out");
  if (out.nat != Nat66::kNone && !section.has(key::kExternalPrefix))
    section.complain(key::kNat, "nat = \"" + nat + "\" needs 'external_prefix'",
                     "the provider's /64");
}

void read_delegated(const Section& section, Ipv6& out) {
  namespace key = definition::ipv6;
  out.delegated = read_forwardable(section, key::kDelegated);
  out.delegated_length = static_cast<unsigned>(section.number(key::kDelegatedLength));
  if (!out.delegated) {
    if (section.has(key::kDelegatedLength) && !section.has(key::kDelegated))
      section.complain(key::kDelegatedLength,
                       "'delegated_length' has no meaning without 'delegated'");
    return;
  }
  if (out.delegated->length() < kShortestDelegated ||
      out.delegated->length() > out.delegated_length)
    section.complain(
        key::kDelegated,
        fmt::format("nothing of /{} can be delegated from {}", out.delegated_length,
                    out.delegated->text()),
        fmt::format("a prefix from /{} to /{}", kShortestDelegated, out.delegated_length));
}

/// RFC 1123 section 2.1, lower case, without the final dot; nothing for what is no name of at least
/// two labels.
std::optional<std::string> parse_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > kLongestName || !text.contains('.')) return std::nullopt;
  std::string out;
  std::size_t label = 0;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (c == '.' ? label == 0 || out.back() == '-' : !(letter || digit || (c == '-' && label != 0)))
      return std::nullopt;
    label = c == '.' ? 0 : label + 1;
    if (label > kLongestLabel) return std::nullopt;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (label == 0 || out.back() == '-') return std::nullopt;
  return out;
}

/// Stays the same as long as the path leads where it leads; that of another network is another one
/// (FNV-1a).
std::string usual_domain(const Uplink& uplink) {
  const std::string of =
      uplink.source_prefix.text() + (uplink.ipv6 ? uplink.ipv6->source_prefix.text() : "");
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : of) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  return fmt::format("path{}.{:08x}.home.arpa", uplink.index, hash);
}

void read_domain(const Section& section, Uplink& uplink) {
  uplink.pvd = usual_domain(uplink);
  if (!section.has(definition::uplink::kPvd)) return;
  const std::string text = section.text(definition::uplink::kPvd);
  if (auto name = parse_domain(text))
    uplink.pvd = *std::move(name);
  else
    section.complain(definition::uplink::kPvd, "'" + text + "' is not a domain name",
                     "write it like \"path1.example.net\"");
}

struct Range {
  const Setting* setting;
  IpPrefix prefix;
};

/// What is on the LAN or behind it; empty prefixes are those that were refused.
std::vector<Range> inner_prefixes(const Ipv6& ipv6) {
  std::vector<Range> out;
  if (ipv6.source_prefix.length() != 0)
    out.push_back({&definition::ipv6::kSourcePrefix, ipv6.source_prefix});
  if (ipv6.delegated) out.push_back({&definition::ipv6::kDelegated, *ipv6.delegated});
  return out;
}

std::vector<Range> all_prefixes(const Ipv6& ipv6) {
  auto out = inner_prefixes(ipv6);
  if (ipv6.external_prefix)
    out.push_back({&definition::ipv6::kExternalPrefix, *ipv6.external_prefix});
  return out;
}

void check_next_hop(const Uplink& uplink, const Uplink& other, const Section& section) {
  for (const auto& [setting, prefix] : inner_prefixes(*other.ipv6))
    if (prefix.contains(uplink.ipv6->next_hop))
      section.complain(
          definition::ipv6::kNextHop,
          "the next hop " + uplink.ipv6->next_hop.text() + " lies in the LAN's " + prefix.text(),
          "it is the provider's router, on the uplink's side");
}

/// A source address must name one uplink, and so must a destination that is translated.
void check_overlaps(const Uplink& uplink, const Section& section,
                    const std::vector<const Uplink*>& earlier) {
  const auto own = all_prefixes(*uplink.ipv6);
  for (std::size_t i = 0; i < own.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      if (own[i].prefix.overlaps(own[j].prefix))
        section.complain(*own[i].setting,
                         fmt::format("{} overlaps {}, the uplink's own '{}'", own[i].prefix.text(),
                                     own[j].prefix.text(), own[j].setting->key));
    for (const Uplink* other : earlier)
      for (const auto& [setting, prefix] : all_prefixes(*other->ipv6))
        if (own[i].prefix.overlaps(prefix))
          section.complain(*own[i].setting,
                           fmt::format("{} overlaps {} of the uplink '{}'", own[i].prefix.text(),
                                       prefix.text(), other->name),
                           "an address must name one uplink");
  }
}

}  // namespace

void read_ipv6(const Section& section, Uplink& uplink) {
  namespace key = definition::ipv6;
  if (section.has(definition::uplink::kIpv6)) {
    const Section ipv6 = section.section(definition::uplink::kIpv6);
    Ipv6 out;
    if (const auto prefix = read_lan_prefix(ipv6, key::kSourcePrefix)) out.source_prefix = *prefix;
    read_next_hop(ipv6, out);
    read_nat(ipv6, out);
    read_delegated(ipv6, out);
    if (out.source_prefix.length() != 0) {
      read_router(ipv6, out);
      out.pool = read_pool(
          ipv6, key::kPool, key::kRouter, out.source_prefix, out.router,
          {inside(out.source_prefix, kUsualFirst), inside(out.source_prefix, kUsualLast)});
    } else {
      // Known even when the prefix is wrong.
      ipv6.has(key::kRouter);
      ipv6.has(key::kPool);
    }
    uplink.ipv6 = out;
  }
  uplink.dns = read_addresses(section, definition::uplink::kDns, Family::kIpv6,
                              "list the addresses of resolvers");
  read_domain(section, uplink);
}

void check_ipv6_together(const Settings& settings, const std::vector<Section>& sections) {
  std::vector<const Uplink*> earlier;
  for (std::size_t i = 0; i < settings.uplinks.size(); ++i) {
    const Uplink& uplink = settings.uplinks[i];
    for (std::size_t j = 0; j < i; ++j)
      if (settings.uplinks[j].pvd == uplink.pvd && sections[i].has(definition::uplink::kPvd))
        sections[i].complain(definition::uplink::kPvd, "pvd '" + uplink.pvd +
                                                           "' is that of the uplink '" +
                                                           settings.uplinks[j].name + "' already");
    if (!uplink.ipv6) continue;
    const Section ipv6 = sections[i].section(definition::uplink::kIpv6);
    check_overlaps(uplink, ipv6, earlier);
    for (const auto& other : settings.uplinks)
      if (other.ipv6) check_next_hop(uplink, other, ipv6);
    earlier.push_back(&uplink);
  }
}

Advertise read_advertise(const Section& section) {
  namespace key = definition::advertise;
  const auto whole = [&](const Setting& setting) {
    return std::chrono::duration_cast<seconds>(section.duration(setting));
  };
  Advertise out;
  out.enabled = section.flag(key::kEnabled);
  out.interval = section.duration(key::kInterval);
  out.router = whole(key::kLifetime);
  out.valid = whole(key::kValid);
  out.preferred = whole(key::kPreferred);
  if (section.has(key::kMtu)) out.mtu = static_cast<unsigned>(section.number(key::kMtu));
  // RFC 4861 section 6.2.1.
  if (out.router != seconds(0) && out.router < out.interval)
    section.complain(key::kLifetime,
                     "lifetime " + duration_text(out.router) + " is shorter than the interval " +
                         duration_text(out.interval),
                     "hosts would lose their router between two advertisements");
  if (out.preferred <= out.interval)
    section.complain(key::kPreferred,
                     "preferred " + duration_text(out.preferred) +
                         " is no longer than the interval " + duration_text(out.interval),
                     "addresses would run out between two advertisements");
  if (out.preferred > out.valid)
    section.complain(key::kPreferred, "preferred " + duration_text(out.preferred) +
                                          " is longer than valid " + duration_text(out.valid));
  return out;
}

Dhcp6 read_dhcp6(const Section& section, const Settings& settings) {
  namespace key = definition::dhcp6;
  Dhcp6 out;
  out.mode = parse_dhcp_mode(section.choice(key::kMode));
  out.lease_time = std::chrono::duration_cast<seconds>(section.duration(key::kLeaseTime));
  if (out.mode == DhcpMode::kOff) return out;
  if (settings.base(Family::kIpv6) == nullptr)
    section.complain(key::kMode, "DHCPv6 has nothing to hand out: no uplink has IPv6",
                     "write a section [uplink.ipv6]");
  if (settings.routed && out.mode == DhcpMode::kKea)
    section.complain(key::kMode, "the gateway's own DHCPv6 serves hosts on its LAN only",
                     "with via write \"external\"");
  return out;
}

}  // namespace anabranch::gateway
