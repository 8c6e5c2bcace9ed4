// SPDX-License-Identifier: MIT
#include "proxy/cpe_settings.hpp"

#include <algorithm>
#include <utility>

#include "base/address_scope.hpp"
#include "proxy/cpe_setting_definitions.hpp"

namespace anabranch::proxy {

using config::Section;
using config::Setting;

namespace {

namespace key = definition::cpe;

std::vector<std::string> read_interfaces(const Section& section, const Setting& setting) {
  constexpr std::size_t kLongestName = 15;
  constexpr std::string_view kNever = "/ \t\n\"\\";
  auto out = section.texts(setting);
  for (const auto& name : out)
    if (name.empty() || name.size() > kLongestName || name.find_first_of(kNever) != name.npos)
      section.complain(setting, "'" + name + "' is not an interface's name",
                       "at most 15 characters, like \"lan0\"");
  return out;
}

std::vector<std::string> read_duplicate_syn(const Section& section) {
  auto out = read_interfaces(section, key::own::kDuplicateSyn);
  if (!out.empty() && (out.size() != 2 || out[0] == out[1]))
    section.complain(key::own::kDuplicateSyn, "'duplicate_syn' does not name two interfaces",
                     "name two uplinks, or leave the key out");
  return out;
}

/// `others`: there may be some that the file does not name.
std::vector<ConverterEntry> read_converters(const Section& root, bool others) {
  namespace converter = key::converter;
  std::vector<ConverterEntry> out;
  Setting setting = key::kConverter;
  setting.required = !others;
  for (const auto& section : root.sections(setting)) {
    ConverterEntry one;
    one.name = section.text(converter::kName);
    const auto address = section.address(converter::kAddress);
    if (address && !is_global(*address) && !is_loopback(*address))
      section.complain(converter::kAddress, address->text() + " cannot be a converter's address",
                       "a unicast address that means the same beyond this link");
    one.endpoint = {address.value_or(IpAddress()),
                    static_cast<std::uint16_t>(section.number(converter::kPort))};
    one.weight = static_cast<unsigned>(section.number(converter::kWeight));
    const auto twice = [&](const ConverterEntry& other) { return other.name == one.name; };
    if (!one.name.empty() && std::ranges::any_of(out, twice))
      section.complain(converter::kName, "there are two converters '" + one.name + "'",
                       "give each a name of its own");
    out.push_back(std::move(one));
  }
  return out;
}

CpeLimits read_limits(const Section& section) {
  namespace limits = key::limits;
  const auto number = [&](const Setting& setting) {
    return static_cast<std::uint64_t>(section.number(setting));
  };
  return {.total = number(limits::kTotal),
          .per_client = number(limits::kPerClient),
          .memory = number(limits::kMemory),
          .reset = section.choice(limits::kBeyond) == "reset"};
}

Result<CpeSettings> read(const config::Document& document, const Trial<CpeSettings>& trial,
                         bool single) {
  namespace own = key::own;
  const Section root = document.root();
  const Section section = root.section(key::kCpe);
  const auto in_milliseconds = [&](const Setting& setting) {
    return std::chrono::duration_cast<milliseconds>(section.duration(setting));
  };
  const auto in_seconds = [&](const Setting& setting) {
    return std::chrono::duration_cast<seconds>(section.duration(setting));
  };
  CpeSettings out;
  out.lan = read_interfaces(section, own::kLan);
  out.workers = static_cast<unsigned>(section.number(own::kWorkers));
  out.congestion = section.text(definition::relayed::kCongestion);
  out.syn_data = section.flag(own::kSynData);
  out.duplicate_syn = read_duplicate_syn(section);
  out.bypass = section.flag(own::kBypass);
  out.unreachable_after = in_milliseconds(own::kUnreachable);
  out.retry = in_milliseconds(own::kRetry);
  out.setup = in_milliseconds(own::kSetup);
  out.refused_direct = in_seconds(own::kRefusedDirect);
  out.idle = in_seconds(definition::relayed::kIdle);
  out.half_closed = in_seconds(definition::relayed::kHalfClosed);
  out.converters_from_dhcp = section.flag(own::kConvertersFromDhcp);
  out.converters = read_converters(root, out.converters_from_dhcp);
  out.limits = read_limits(root.section(key::kLimits));
  out.rules = read_rules(root, key::kRule, definition::rule::kCpeAction);
  out.incoming = read_incoming(root, key::kIncoming, definition::incoming::kCpeListen,
                               definition::incoming::kHost);
  out.single = read_single(root);
  if (single && !out.single) out.single.emplace();
  out.local = read_local(root);
  if (!section.has(own::kLan) && !out.single && out.local.empty())
    section.complain(own::kLan, "'lan' is missing in [cpe]",
                     "the interfaces of the LAN; on a device [single] or [[local]] in its place");
  out.metrics = status::read_metrics(root);
  return tried(document, std::move(out), trial);
}

}  // namespace

std::span<const Setting> cpe_setting_definitions() {
  return key::kAll;
}

Result<CpeSettings> load_cpe_settings(const std::filesystem::path& file,
                                      const Trial<CpeSettings>& trial, bool single) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  return read(*document, trial, single);
}

Result<CpeSettings> parse_cpe_settings(std::string_view text, std::string name, bool single) {
  const auto document = config::Document::parse(text, std::move(name));
  if (!document) return std::unexpected(document.error());
  return read(*document, {}, single);
}

}  // namespace anabranch::proxy
