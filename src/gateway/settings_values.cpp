// SPDX-License-Identifier: MIT
#include "gateway/settings_values.hpp"

namespace anabranch::gateway {

using config::Section;
using config::Setting;

namespace {

std::string quoted(const Setting& setting) {
  return "'" + std::string(setting.key) + "'";
}

std::string not_of(Family family, std::string_view what) {
  return " is not an " + std::string(family_text(family)) + " " + std::string(what);
}

std::string_view prefix_example(Family family) {
  return family == Family::kIpv4 ? "10.1.0.0/16" : "2001:db8:1::/64";
}

std::string_view range_example(Family family) {
  return family == Family::kIpv4 ? "10.1.16.0-10.1.255.250" : "2001:db8:1::1:0-2001:db8:1::1:ffff";
}

}  // namespace

std::string_view family_text(Family family) {
  return family == Family::kIpv4 ? "IPv4" : "IPv6";
}

bool is_link_local(const IpAddress& address) {
  return !address.is_v4() && address.octets()[0] == 0xfe && (address.octets()[1] & 0xc0) == 0x80;
}

std::optional<IpPrefix> read_prefix(const Section& section, const Setting& setting, Family family) {
  const auto prefix = section.prefix(setting);
  if (!prefix) return std::nullopt;
  if (prefix->family() != family) {
    section.complain(setting, quoted(setting) + not_of(family, "prefix"),
                     "write it like \"" + std::string(prefix_example(family)) + "\"");
    return std::nullopt;
  }
  if (prefix->has_host_bits()) {
    section.complain(setting, prefix->text() + " has bits set beyond its length",
                     "write \"" + prefix->without_host_bits().text() + "\"");
    return std::nullopt;
  }
  return prefix;
}

std::optional<IpAddress> read_address(const Section& section, const Setting& setting,
                                      Family family) {
  const auto address = section.address(setting);
  if (address && address->family() != family) {
    section.complain(setting, quoted(setting) + not_of(family, "address"));
    return std::nullopt;
  }
  return address;
}

std::vector<IpAddress> read_addresses(const Section& section, const Setting& setting, Family family,
                                      std::string_view hint) {
  std::vector<IpAddress> out;
  for (const auto& text : section.texts(setting)) {
    const auto address = IpAddress::parse(text);
    if (address && address->family() == family)
      out.push_back(*address);
    else
      section.complain(setting, "'" + text + "'" + not_of(family, "address"), std::string(hint));
  }
  return out;
}

std::optional<AddressRange> parse_range(std::string_view text, Family family) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto trim = [](std::string_view word) {
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    return word;
  };
  const auto first = IpAddress::parse(trim(text.substr(0, dash)));
  const auto last = IpAddress::parse(trim(text.substr(dash + 1)));
  if (!first || !last || first->family() != family || last->family() != family || *last < *first)
    return std::nullopt;
  return AddressRange{*first, *last};
}

AddressRange read_pool(const Section& section, const Setting& pool, const Setting& router_setting,
                       const IpPrefix& prefix, const IpAddress& router, const AddressRange& usual) {
  const Family family = prefix.family();
  AddressRange out = usual;
  if (section.has(pool)) {
    const auto range = parse_range(section.text(pool), family);
    if (!range)
      section.complain(
          pool, "'pool' is not a range of " + std::string(family_text(family)) + " addresses",
          "write it like \"" + std::string(range_example(family)) + "\"");
    else if (!prefix.contains(range->first) || !prefix.contains(range->last))
      section.complain(pool, "the pool lies outside " + prefix.text(),
                       "hosts of this uplink have addresses of its source_prefix");
    else
      out = *range;
  }
  if (router >= out.first && router <= out.last)
    section.complain(section.has(pool) ? pool : router_setting,
                     "the pool " + out.first.text() + "-" + out.last.text() +
                         " holds the router's address " + router.text(),
                     "give a pool without it");
  return out;
}

}  // namespace anabranch::gateway
