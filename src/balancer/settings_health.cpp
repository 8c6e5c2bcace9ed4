// SPDX-License-Identifier: MIT
#include "balancer/settings_health.hpp"

#include <algorithm>

#include "balancer/setting_definitions_health.hpp"
#include "probe/reach_prober.hpp"

namespace anabranch::balancer {
namespace {

namespace key = definition::health;

/// As it goes into a request line: printable and without spaces.
bool is_path(const std::string& text) {
  return text.starts_with('/') &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

/// Longest wait that these settings leave room for.
nanoseconds most_patience(const HealthCheck& check) {
  if (check.kind != CheckKind::kMptcp) return check.interval;
  return std::min<nanoseconds>(check.interval, probe::kMostMptcpPatience);
}

}  // namespace

HealthCheck read_health(const config::Section& outer, const config::Setting& setting,
                        const HealthCheck* defaults) {
  const auto section = outer.section(setting);
  HealthCheck out = defaults != nullptr ? *defaults : HealthCheck();
  // Without defaults a key that is not there has the fallback of its definition.
  const auto told = [&](const config::Setting& which) {
    return section.has(which) || defaults == nullptr;
  };
  if (told(key::kCheck) || (out.kind == CheckKind::kNone && outer.has(setting)))
    out.kind = static_cast<CheckKind>(std::ranges::find(key::kChecks, section.choice(key::kCheck)) -
                                      key::kChecks.begin());
  if (defaults == nullptr && !outer.has(setting)) out.kind = CheckKind::kNone;
  if (told(key::kInterval)) out.interval = section.duration(key::kInterval);
  if (told(key::kTimeout)) out.timeout = section.duration(key::kTimeout);
  if (const auto most = most_patience(out); out.timeout > most) {
    if (section.has(key::kTimeout))
      section.complain(key::kTimeout, "longer than the " + duration_text(most) + " that there are",
                       "at most the interval, and at most 2s for \"mptcp\"");
    out.timeout = most;
  }
  if (told(key::kRise)) out.rise = static_cast<unsigned>(section.number(key::kRise));
  if (told(key::kFall)) out.fall = static_cast<unsigned>(section.number(key::kFall));
  if (told(key::kPath)) out.path = section.text(key::kPath);
  if (!is_path(out.path))
    section.complain(key::kPath, "'" + out.path + "' is no path",
                     "it begins with / and has no spaces");
  if (section.has(key::kExpect)) out.status = static_cast<unsigned>(section.number(key::kExpect));
  if (section.has(key::kPort)) out.port = static_cast<std::uint16_t>(section.number(key::kPort));
  return out;
}

}  // namespace anabranch::balancer
