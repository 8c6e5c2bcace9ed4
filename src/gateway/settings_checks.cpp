// SPDX-License-Identifier: MIT
#include "gateway/settings_checks.hpp"

#include <map>

#include "gateway/setting_definitions.hpp"

namespace anabranch::gateway {
namespace {

/// Complains when an earlier uplink has the same value.
template <class Key>
void once(std::map<Key, std::string>& seen, const Key& value, const Uplink& uplink,
          const config::Section& section, const config::Setting& setting, const std::string& text) {
  const auto [place, fresh] = seen.try_emplace(value, uplink.name);
  if (!fresh)
    section.complain(setting, std::string(setting.key) + " " + text + " is that of the uplink '" +
                                  place->second + "' already");
}

void check_prefixes(const Uplink& uplink, const Uplink& other, bool earlier,
                    const config::Section& section) {
  if (earlier && is_known(uplink.source_prefix) && is_known(other.source_prefix) &&
      uplink.source_prefix.overlaps(other.source_prefix))
    section.complain(definition::uplink::kSourcePrefix,
                     uplink.source_prefix.text() + " overlaps " + other.source_prefix.text() +
                         " of the uplink '" + other.name + "'",
                     "a source address must name one uplink");
  if (is_known(other.source_prefix) && uplink.has_ipv4() &&
      other.source_prefix.contains(uplink.next_hop))
    section.complain(definition::uplink::kNextHop,
                     "the next hop " + uplink.next_hop.text() + " lies in the LAN's " +
                         other.source_prefix.text(),
                     "it is the provider's router, on the uplink's side");
  if (!uplink.external_prefix) return;
  if (is_known(other.source_prefix) && uplink.external_prefix->overlaps(other.source_prefix))
    section.complain(
        definition::uplink::kExternalPrefix,
        uplink.external_prefix->text() + " overlaps " + other.source_prefix.text() + " of the LAN");
  if (earlier && other.external_prefix && uplink.external_prefix->overlaps(*other.external_prefix))
    section.complain(definition::uplink::kExternalPrefix,
                     uplink.external_prefix->text() + " overlaps " + other.external_prefix->text() +
                         " of the uplink '" + other.name + "'");
}

/// Unlike one whose IPv4 was refused.
bool ipv6_only(const Uplink& uplink) {
  return uplink.ipv6 && !uplink.has_ipv4();
}

void check_fail_open(const Settings& settings, const Uplink& uplink,
                     const config::Section& section) {
  if (uplink.fail_open.empty()) return;
  const Uplink* other = settings.find(uplink.fail_open);
  if (other == nullptr || other == &uplink)
    return section.complain(definition::uplink::kFailOpen,
                            "'" + uplink.fail_open + "' is not another uplink",
                            "the name of one, as written there");
  if (!uplink.interface.empty() && other->interface == uplink.interface)
    section.complain(definition::uplink::kFailOpen,
                     "'" + other->name + "' is on the same interface and goes down with this one",
                     "name an uplink on another interface");
  const bool ipv4 = !ipv6_only(uplink) && !ipv6_only(*other);
  if (!ipv4 && !(uplink.ipv6 && other->ipv6))
    return section.complain(
        definition::uplink::kFailOpen,
        "'" + other->name + "' carries nothing of what this one carries: one has IPv4, one IPv6",
        "name an uplink with the same");
  if (!ipv4) return;
  // Outside, addresses of this prefix are known only behind this uplink, so the other one must put
  // its own in their place. Addresses that are never translated belong to the site.
  if (other->nat != Nat::kNone || uplink.nat == Nat::kNone) return;
  section.complain(definition::uplink::kFailOpen,
                   "no answer could come back through '" + other->name + "', whose nat is \"none\"",
                   "fail_open works through an uplink with nat = \"masquerade\" or \"prefix\"");
}

/// Two uplinks on one interface need something that tells their packets apart beyond it.
void check_shared_interface(const Uplink& uplink, const Uplink& other,
                            const config::Section& section) {
  if (uplink.interface.empty() || uplink.interface != other.interface) return;
  if (!uplink.has_ipv4() || !other.has_ipv4()) return;
  if (uplink.next_hop != other.next_hop) return;
  if (uplink.nat != Nat::kMasquerade || other.nat != Nat::kMasquerade) return;
  section.complain(definition::uplink::kInterface,
                   "interface '" + uplink.interface + "' and next hop " + uplink.next_hop.text() +
                       " are those of the uplink '" + other.name + "', and both masquerade",
                   "beyond the next hop nothing would tell the two apart: write nat = \"none\" or "
                   "\"prefix\", or name another next hop");
}

}  // namespace

void check_uplinks_together(const Settings& settings,
                            const std::vector<config::Section>& sections) {
  std::map<std::string, std::string> names;
  std::map<unsigned, std::string> indexes;
  for (std::size_t i = 0; i < settings.uplinks.size(); ++i) {
    const Uplink& uplink = settings.uplinks[i];
    const auto& section = sections[i];
    if (!uplink.name.empty())
      once(names, uplink.name, uplink, section, definition::uplink::kName, "'" + uplink.name + "'");
    if (section.has(definition::uplink::kIndex))
      once(indexes, uplink.index, uplink, section, definition::uplink::kIndex,
           std::to_string(uplink.index));
    if (!uplink.interface.empty() && uplink.interface == settings.lan)
      section.complain(definition::uplink::kInterface,
                       "'" + uplink.interface + "' is the LAN's interface",
                       "an uplink needs an interface of its own");
    for (std::size_t j = 0; j < i; ++j)
      check_shared_interface(uplink, settings.uplinks[j], section);
    for (std::size_t j = 0; j < settings.uplinks.size(); ++j)
      check_prefixes(uplink, settings.uplinks[j], j < i, section);
    check_fail_open(settings, uplink, section);
  }
}

}  // namespace anabranch::gateway
