// SPDX-License-Identifier: MIT
#include "proxy/converter_settings.hpp"

#include <algorithm>

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

ConverterLimits read_limits(const Section& section) {
  namespace limits = key::limits;
  const auto in_seconds = [&](const Setting& setting) {
    return std::chrono::duration_cast<seconds>(section.duration(setting));
  };
  ConverterLimits out;
  out.total = static_cast<std::uint64_t>(section.number(limits::kTotal));
  out.per_client = static_cast<std::uint64_t>(section.number(limits::kPerClient));
  out.setup = std::chrono::duration_cast<milliseconds>(section.duration(limits::kSetup));
  out.idle = in_seconds(limits::kIdle);
  out.half_closed = in_seconds(limits::kHalfClosed);
  out.errors_per_second = static_cast<std::uint32_t>(section.number(limits::kErrors));
  return out;
}

Result<ConverterSettings> read(const config::Document& document) {
  namespace own = key::own;
  const Section root = document.root();
  const Section section = root.section(key::kConverter);
  ConverterSettings out;
  out.listen = read_listen(section);
  out.workers = static_cast<unsigned>(section.number(own::kWorkers));
  out.congestion = section.text(own::kCongestion);
  out.upstream_mptcp = section.choice(own::kUpstream) == "mptcp";
  read_clients(root, out);
  out.destinations = read_prefixes(root.section(key::kDestinations),
                                   key::destinations::kAllow);
  out.limits = read_limits(root.section(key::kLimits));
  out.rules = read_rules(root, key::kRule, definition::rule::kConverterAction);
  out.metrics = status::read_metrics(root);
  ANABRANCH_TRY(document.finish());
  return out;
}

}  // namespace

std::span<const Setting> converter_setting_definitions() {
  return key::kAll;
}

Result<ConverterSettings> load_converter_settings(const std::filesystem::path& file) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

Result<ConverterSettings> parse_converter_settings(std::string_view text, std::string name) {
  const auto document = config::Document::parse(text, std::move(name));
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

}  // namespace anabranch::proxy
