// SPDX-License-Identifier: MIT
#include "proxy/converter_settings.hpp"

#include <algorithm>
#include <utility>

#include "base/address_scope.hpp"
#include "base/registry.hpp"
#include "proxy/converter_setting_definitions.hpp"

namespace anabranch::proxy {

using config::Section;
using config::Setting;

namespace {

namespace key = definition::converter;

std::vector<Endpoint> read_listen(const Section& section) {
  namespace own = key::own;
  if (!section.has(own::kListen))
    return {{IpAddress(), registry::kConvertPort},
            {IpAddress::parse("::").value(), registry::kConvertPort}};
  std::vector<Endpoint> out;
  const auto texts = section.texts(own::kListen);
  if (texts.empty())
    section.complain(own::kListen, "'listen' is empty", "name an address, or leave the key out");
  for (const auto& text : texts) {
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint || endpoint->port == 0)
      section.complain(own::kListen, "'" + text + "' is not an address with a port",
                       "write it like \"192.0.2.1:5124\" or \"[2001:db8::1]:5124\"");
    else if (std::ranges::find(out, *endpoint) != out.end())
      section.complain(own::kListen, "'" + text + "' is there twice", "name it once");
    else
      out.push_back(*endpoint);
  }
  return out;
}

void read_clients(const Section& root, ConverterSettings& out) {
  namespace clients = key::clients;
  const Section section = root.section(key::kClients);
  out.clients = read_prefixes(section, clients::kAllow);
  out.cookie_required = section.choice(clients::kCookie) == "required";
  out.cookie_secret = section.text(clients::kCookieSecretFile);
  out.cookie_slot = std::chrono::duration_cast<seconds>(section.duration(clients::kCookieSlot));
  if (out.cookie_required) return;
  for (const auto& prefix : out.clients)
    if (prefix.length() == 0)
      section.complain(clients::kAllow, prefix.text() + " makes this a relay open to everybody",
                       "name your clients' prefixes, or set cookie = \"required\"");
}

void read_source(const Section& section, ConverterSource& out) {
  namespace source = key::source;
  out.mode = section.choice(source::kMode) == "preservation" ? SourceMode::kPreservation
                                                             : SourceMode::kSharing;
  out.log = section.text(source::kLog);
  for (const auto& text : section.texts(source::kPool)) {
    const auto address = IpAddress::parse(text);
    if (!address || (!is_global(*address) && !is_loopback(*address)))
      section.complain(source::kPool, "'" + text + "' is not an address that can be shared",
                       "a unicast address of this machine, like \"198.51.100.8\"");
    else
      out.pool.push_back(*address);
  }
}

ConverterLimits read_limits(const Section& section) {
  namespace limits = key::limits;
  const auto in_seconds = [&](const Setting& setting) {
    return std::chrono::duration_cast<seconds>(section.duration(setting));
  };
  ConverterLimits out;
  out.total = static_cast<std::uint64_t>(section.number(limits::kTotal));
  out.per_client = static_cast<std::uint64_t>(section.number(limits::kPerClient));
  out.memory = static_cast<std::uint64_t>(section.number(limits::kMemory));
  out.setup = std::chrono::duration_cast<milliseconds>(section.duration(limits::kSetup));
  out.idle = in_seconds(definition::relayed::kIdle);
  out.half_closed = in_seconds(definition::relayed::kHalfClosed);
  out.errors_per_second = static_cast<std::uint32_t>(section.number(limits::kErrors));
  return out;
}

Result<ConverterSettings> read(const config::Document& document,
                               const Trial<ConverterSettings>& trial) {
  namespace own = key::own;
  const Section root = document.root();
  const Section section = root.section(key::kConverter);
  ConverterSettings out;
  out.listen = read_listen(section);
  out.workers = static_cast<unsigned>(section.number(own::kWorkers));
  out.congestion = section.text(definition::relayed::kCongestion);
  out.upstream_mptcp = section.choice(own::kUpstream) == "mptcp";
  read_clients(root, out);
  out.destinations = read_prefixes(root.section(key::kDestinations), key::destinations::kAllow);
  out.limits = read_limits(root.section(key::kLimits));
  read_source(root.section(key::kSource), out.source);
  out.rules = read_rules(root, key::kRule, definition::rule::kConverterAction);
  const auto sections = root.sections(key::kRule);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    auto& rule = out.rules.at(i);
    rule.proxy_protocol = sections[i].flag(definition::rule::kProxyProtocol);
    if (rule.proxy_protocol && rule.action == RuleAction::kReject)
      sections[i].complain(definition::rule::kProxyProtocol,
                           "'proxy_protocol' has no meaning beside action = \"reject\"",
                           "leave it out");
  }
  out.incoming = read_incoming(root, key::kIncoming, definition::incoming::kConverterListen,
                               definition::incoming::kClient);
  out.metrics = status::read_metrics(root);
  return tried(document, std::move(out), trial);
}

}  // namespace

std::span<const Setting> converter_setting_definitions() {
  return key::kAll;
}

Result<ConverterSettings> load_converter_settings(const std::filesystem::path& file,
                                                  const Trial<ConverterSettings>& trial) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  return read(*document, trial);
}

Result<ConverterSettings> parse_converter_settings(std::string_view text, std::string name) {
  const auto document = config::Document::parse(text, std::move(name));
  if (!document) return std::unexpected(document.error());
  return read(*document, {});
}

}  // namespace anabranch::proxy
