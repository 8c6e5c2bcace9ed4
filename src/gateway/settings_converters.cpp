// SPDX-License-Identifier: MIT
#include "gateway/settings_converters.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/address_scope.hpp"
#include "gateway/setting_definitions_converters.hpp"
#include "gateway/settings_values.hpp"
#include "wire/converter_addresses.hpp"

namespace anabranch::gateway {
namespace {

namespace key = definition::converters;

void complain(const config::Section& section, std::string what, std::string hint) {
  section.complain(key::kAddresses, std::move(what), std::move(hint));
}

std::vector<IpAddress> read_list(const config::Section& section) {
  std::vector<IpAddress> out;
  for (const auto& text : section.texts(key::kAddresses)) {
    const auto address = IpAddress::parse(text);
    if (!address)
      complain(section, fmt::format("'{}' is not an IP address", text),
               "names are not looked up: write the addresses");
    else if (!is_global(*address))
      complain(section, fmt::format("{} cannot be a converter's address", text),
               "a unicast address that means the same beyond this link");
    else if (std::ranges::find(out, *address) != out.end())
      complain(section, fmt::format("{} is there twice", text), "once is enough");
    else
      out.push_back(*address);
  }
  return out;
}

void check_family(const config::Section& section, const Converters& converters,
                  const Settings& settings, Family family) {
  const auto count = converters.of(family).size();
  if (count > wire::kMostConverters)
    complain(section, fmt::format("there are {} {} addresses", count, family_text(family)),
             fmt::format("hosts take {}", wire::kMostConverters));
  const auto mode = family == Family::kIpv4 ? settings.dhcp.mode : settings.dhcp6.mode;
  if (count > 0 && mode == DhcpMode::kOff)
    complain(section, fmt::format("nobody tells hosts of {}", converters.of(family).front().text()),
             family == Family::kIpv4 ? "IPv4 addresses need [dhcp]" : "IPv6 ones need [dhcp6]");
}

}  // namespace

Converters read_converters(const config::Section& section, const Settings& settings) {
  Converters out{read_list(section), static_cast<std::uint16_t>(section.number(key::kPort))};
  if (out.addresses.empty() && section.has(key::kPort) && !section.has(key::kAddresses))
    complain(section, "'port' needs 'addresses'", "write the addresses of the converters");
  for (const auto family : {Family::kIpv4, Family::kIpv6})
    check_family(section, out, settings, family);
  for (const unsigned code : {registry::kConvertersCode, registry::kConverterPortCode})
    if (!out.of(Family::kIpv4).empty() && settings.dhcp.ext_route_code == code)
      complain(section, fmt::format("option {} tells of converters, and is EXT_ROUTE's here", code),
               "choose another ext_route_code");
  return out;
}

}  // namespace anabranch::gateway
