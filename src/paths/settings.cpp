// SPDX-License-Identifier: MIT
#include "paths/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <system_error>

#include "base/users.hpp"
#include "paths/setting_definitions.hpp"

namespace anabranch::paths {

using config::Section;
using config::Setting;

namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number out = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return out;
}

std::optional<policy::PortRange> parse_ports(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_number<std::uint16_t>(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_number<std::uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
  return policy::PortRange{*first, *last};
}

/// Patterns of interface names. One that no name can match would be a rule without effect.
std::vector<std::string> read_interfaces(const Section& section, const Setting& setting) {
  constexpr std::size_t kLongestName = 15;
  auto out = section.texts(setting);
  for (const auto& pattern : out)
    if (pattern.empty() ||
        pattern.size() - static_cast<std::size_t>(std::ranges::count(pattern, '*')) >
            kLongestName ||
        pattern.find_first_of("/ \t\n") != pattern.npos)
      section.complain(setting, "'" + pattern + "' matches no interface's name",
                       "at most 15 characters, '*' for any and '?' for one, like \"wwan*\"");
  return out;
}

bool is_cgroup(std::string_view path) {
  return path.starts_with('/') && path.find("/../") == path.npos && !path.ends_with("/..") &&
         path.find('\0') == path.npos;
}

std::vector<std::string> read_cgroups(const Section& section) {
  using definition::rule::kCgroups;
  auto out = section.texts(kCgroups);
  for (const auto& path : out)
    if (!is_cgroup(path))
      section.complain(kCgroups, "'" + path + "' is not the path of a cgroup",
                       "below the mount of cgroup2, like \"/system.slice/nginx.service\"");
  return out;
}

policy::Match read_match(const Section& section) {
  namespace rule = definition::rule;
  policy::Match out;
  for (const auto& text : section.texts(rule::kTo)) {
    const auto prefix = IpPrefix::parse(text);
    if (!prefix)
      section.complain(rule::kTo, "'" + text + "' is neither a prefix nor an address",
                       "write it like \"198.51.100.0/24\" or \"2001:db8::/32\"");
    else if (prefix->has_host_bits())
      section.complain(rule::kTo, prefix->text() + " has bits set beyond its length",
                       "write \"" + prefix->without_host_bits().text() + "\"");
    else
      out.destinations.push_back(*prefix);
  }
  for (const auto& text : section.texts(rule::kPorts)) {
    if (const auto range = parse_ports(text))
      out.ports.push_back(*range);
    else
      section.complain(rule::kPorts, "'" + text + "' is neither a port nor a range of ports",
                       "write it like \"443\" or \"8000-8999\"");
  }
  for (const auto& text : section.texts(rule::kUids)) {
    if (const auto uid = parse_user(text))
      out.uids.push_back(*uid);
    else
      section.complain(rule::kUids, "there is no user '" + text + "'",
                       "the name of a user of this machine, or a number");
  }
  out.cgroups = read_cgroups(section);
  out.interfaces = read_interfaces(section, rule::kInterfaces);
  return out;
}

PathRule read_rule(const Section& section) {
  namespace rule = definition::rule;
  PathRule out;
  out.name = section.text(rule::kName);
  out.match = read_match(section);
  out.deny = section.flag(rule::kDeny);
  if (section.has(rule::kBackup)) out.backup = section.flag(rule::kBackup);
  if (section.has(rule::kSubflows))
    out.subflows = static_cast<unsigned>(section.number(rule::kSubflows));
  if (out.deny && out.backup)
    section.complain(rule::kBackup, "'backup' has no meaning beside deny = true",
                     "a path without subflows has no backups");
  return out;
}

std::vector<PathRule> read_rules(const Section& root) {
  std::vector<PathRule> out;
  std::set<std::string> names;
  for (const auto& section : root.sections(definition::kRule)) {
    out.push_back(read_rule(section));
    const auto& name = out.back().name;
    if (!name.empty() && !names.insert(name).second)
      section.complain(definition::rule::kName, "there are two rules '" + name + "'",
                       "give each a name of its own");
  }
  return out;
}

void read_probe(const Section& section, Settings& out) {
  namespace probe = definition::probe;
  out.probe_interval = section.duration(probe::kInterval);
  out.probe_interval_limit = section.duration(probe::kIntervalLimit);
  if (out.probe_interval_limit >= out.probe_interval) return;
  if (section.has(probe::kIntervalLimit))
    section.complain(
        probe::kIntervalLimit,
        "'interval_limit' is shorter than the interval of " + duration_text(out.probe_interval),
        "give it at least that");
  else
    out.probe_interval_limit = out.probe_interval;
}

void read_limits(const Section& section, Settings& out) {
  namespace limits = definition::limits;
  out.limit_with_bpf = section.flag(limits::kBpf);
  out.cgroup = section.text(limits::kCgroup);
  if (!out.cgroup.empty() && !is_cgroup(out.cgroup))
    section.complain(limits::kCgroup, "'" + out.cgroup + "' is not the path of a cgroup",
                     "below the mount of cgroup2, like \"/system.slice\"");
}

AnnounceMode parse_announce(std::string_view text) {
  if (text == "always") return AnnounceMode::kAlways;
  return text == "never" ? AnnounceMode::kNever : AnnounceMode::kServer;
}

Result<Settings> read(const config::Document& document) {
  const Section root = document.root();
  Settings out;
  const Section interfaces = root.section(definition::kInterfaces);
  out.allow = read_interfaces(interfaces, definition::interfaces::kAllow);
  out.deny = read_interfaces(interfaces, definition::interfaces::kDeny);
  out.subflows = static_cast<unsigned>(
      root.section(definition::kSubflows).number(definition::subflows::kLimit));
  out.both_families = root.section(definition::kSubflows).flag(definition::subflows::kBothFamilies);
  out.announce =
      parse_announce(root.section(definition::kAnnounce).choice(definition::announce::kWhen));
  out.prefer_route = root.section(definition::kRoute).flag(definition::route::kPrefer);
  read_limits(root.section(definition::kLimits), out);
  read_probe(root.section(definition::kProbe), out);
  out.rules = read_rules(root);
  out.metrics = status::read_metrics(root);
  ANABRANCH_TRY(document.finish());
  return out;
}

}  // namespace

std::span<const Setting> setting_definitions() {
  return definition::kAll;
}

Settings default_settings() {
  return parse_settings({}, {}).value();
}

std::string_view announce_name(AnnounceMode mode) {
  return definition::announce::kModes.at(static_cast<std::size_t>(mode));
}

Result<Settings> load_settings(const std::filesystem::path& file) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

Result<Settings> parse_settings(std::string_view text, std::string name) {
  const auto document = config::Document::parse(text, std::move(name));
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

Result<Settings> SettingsFile::load() const {
  return found().empty() ? default_settings() : load_settings(path);
}

std::filesystem::path SettingsFile::found() const {
  std::error_code error;
  const bool absent = !needed && !std::filesystem::exists(path, error) && !error;
  return absent ? std::filesystem::path() : path;
}

}  // namespace anabranch::paths
