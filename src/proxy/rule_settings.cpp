// SPDX-License-Identifier: MIT
#include "proxy/rule_settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <system_error>

namespace anabranch::proxy {

using config::Section;
using config::Setting;

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t out = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || stop != text.data() + text.size() || out == 0) return std::nullopt;
  return out;
}

std::optional<policy::PortRange> parse_ports(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return policy::PortRange{*first, *last};
}

void read_conditions(const Section& section, ProxyRule& one) {
  namespace rule = definition::rule;
  auto& out = one.match;
  one.from = read_prefixes(section, rule::kFrom);
  out.destinations = read_prefixes(section, rule::kTo);
  for (const auto& text : section.texts(rule::kPorts)) {
    if (const auto range = parse_ports(text))
      out.ports.push_back(*range);
    else
      section.complain(rule::kPorts, "'" + text + "' is neither a port nor a range of ports",
                       "write it like \"443\" or \"8000-8999\"");
  }
  const auto both = [&](Family family) {
    const auto has = [&](const std::vector<IpPrefix>& prefixes) {
      return prefixes.empty() || std::ranges::any_of(prefixes, [&](const IpPrefix& prefix) {
               return prefix.family() == family;
             });
    };
    return has(one.from) && has(out.destinations);
  };
  if (!both(Family::kIpv4) && !both(Family::kIpv6))
    section.complain(rule::kFrom, "'from' and 'to' have no family in common",
                     "no connection goes from IPv4 to IPv6");
}

RuleAction parse_action(std::string_view text) {
  if (text == "direct") return RuleAction::kDirect;
  return text == "reject" ? RuleAction::kReject : RuleAction::kConvert;
}

}  // namespace

bool ProxyRule::holds(const IpAddress& source, const policy::Flow& flow) const {
  return match.matches(flow) && (from.empty() || std::ranges::any_of(from, [&](const auto& prefix) {
                                   return prefix.contains(source);
                                 }));
}

std::string_view action_name(RuleAction action) {
  return definition::rule::kCpeActions.at(static_cast<std::size_t>(action));
}

std::vector<IpPrefix> read_prefixes(const Section& section, const Setting& setting) {
  std::vector<IpPrefix> out;
  for (const auto& text : section.texts(setting)) {
    const auto prefix = IpPrefix::parse(text);
    if (!prefix)
      section.complain(setting, "'" + text + "' is neither a prefix nor an address",
                       "write it like \"198.51.100.0/24\" or \"2001:db8::/32\"");
    else if (prefix->has_host_bits())
      section.complain(setting, prefix->text() + " has bits set beyond its length",
                       "write \"" + prefix->without_host_bits().text() + "\"");
    else
      out.push_back(*prefix);
  }
  return out;
}

std::string incoming_text(const Endpoint& endpoint) {
  return endpoint.port == 0 ? endpoint.address.text() : endpoint.text();
}

std::vector<IncomingPort> read_incoming(const Section& root, const Setting& incoming,
                                        const Setting& listen, const Setting& to) {
  std::vector<IncomingPort> out;
  bool good = true;
  const auto read = [&good](const Section& section, const Setting& setting) {
    const auto text = section.text(setting);
    const auto endpoint = Endpoint::parse_with_or_without_port(text);
    if (endpoint && !endpoint->address.is_unspecified()) return *endpoint;
    if (endpoint && endpoint->port != 0) return *endpoint;
    good = false;
    if (!text.empty())
      section.complain(setting, "'" + text + "' is not an address with or without a port",
                       "write it like \"192.0.2.1:443\" or \"[2001:db8::1]:443\"");
    return Endpoint{};
  };
  for (const auto& section : root.sections(incoming)) {
    out.push_back(
        {section.text(definition::incoming::kName), read(section, listen), read(section, to)});
    const auto& last = out.back();
    const auto same = [&](const IncomingPort& one) { return one.listen == last.listen; };
    if (!good) continue;
    if (std::ranges::count_if(out, same) > 1)
      section.complain(listen, incoming_text(last.listen) + " is there twice", "once is enough");
    if (last.whole_address() != (last.to.port == 0))
      section.complain(to, "a whole address leads to a whole address, and a port to a port",
                       "write both with a port, or both without");
  }
  return out;
}

std::vector<ProxyRule> read_rules(const Section& root, const Setting& rule, const Setting& action) {
  std::vector<ProxyRule> out;
  std::set<std::string> names;
  for (const auto& section : root.sections(rule)) {
    ProxyRule one;
    one.name = section.text(definition::rule::kName);
    one.action = parse_action(section.choice(action));
    read_conditions(section, one);
    if (!one.name.empty() && !names.insert(one.name).second)
      section.complain(definition::rule::kName, "there are two rules '" + one.name + "'",
                       "give each a name of its own");
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace anabranch::proxy
