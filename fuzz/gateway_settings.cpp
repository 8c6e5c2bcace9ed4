// SPDX-License-Identifier: MIT
// gateway.toml: refused with a place, or a gateway that can be planned and written down for Kea.
#include "gateway/kea6_config.hpp"
#include "gateway/kea_config.hpp"
#include "gateway/plan.hpp"
#include "gateway/settings.hpp"
#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto settings = gateway::parse(fuzz::text_of(data, size), "gateway.toml");
  if (!settings) {
    fuzz::require(settings.error().code == ExitCode::kBadInput, "a wrong file is bad input");
    fuzz::require(settings.error().text().find("gateway.toml:") != std::string::npos,
                  "the place is named");
    return 0;
  }
  fuzz::require(!settings->uplinks.empty() && settings->uplinks.size() <= registry::kMaxUplinks,
                "there are uplinks, and not too many");
  for (const auto& uplink : settings->uplinks) {
    fuzz::require(uplink.index >= 1 && uplink.index <= registry::kMaxUplinks,
                  "an index has bounds");
    fuzz::require(uplink.source_prefix.contains(uplink.pool.first) &&
                      uplink.source_prefix.contains(uplink.pool.last),
                  "a pool lies in its prefix");
    fuzz::require(uplink.has_ipv4() || uplink.ipv6, "an uplink carries something");
    if (uplink.ipv6)
      fuzz::require(uplink.ipv6->source_prefix.contains(uplink.ipv6->pool.first) &&
                        uplink.ipv6->source_prefix.contains(uplink.ipv6->pool.last) &&
                        uplink.ipv6->source_prefix.contains(uplink.ipv6->router),
                    "a pool lies in its prefix");
    fuzz::require(!uplink.pvd.empty(), "a path has a name");
    fuzz::require(settings->find(uplink.name) == &uplink, "a name is one uplink's");
  }
  gateway::make_plan(*settings, {});
  gateway::kea_config(*settings, {}, gateway::own_kea_places(*settings));
  if (settings->base(Family::kIpv6) != nullptr)
    gateway::kea6_config(*settings, {}, gateway::own_kea6_places(*settings));
  return 0;
}
