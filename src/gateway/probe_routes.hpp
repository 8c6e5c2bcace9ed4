// SPDX-License-Identifier: MIT
// How probes leave by one uplink, whether it counts as working or not (pure, part of the plan):
//
//   priority  800+k fwmark <base+k>                        lookup 17700+k    each family
//   priority  890   from <source k> to <what is probed>    lookup 17700+k    IPv4
//
//   table 17700+k   default via <next hop k>  metric 100
//
// The mark is the probes' own. Their answers carry none, and IPv4's reverse-path filter asks the
// tables for a way back to whom they come from; the main table may have none.
#pragma once

#include <optional>
#include <vector>

#include "gateway/plan.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// Of the uplink's probes (SO_MARK).
std::uint32_t probe_mark(const Uplink& uplink);

/// The routers that the uplink's packets go to, one of each family that it carries.
std::vector<IpAddress> next_hops(const Uplink& uplink);

/// The address that probes of a family leave from: one of the uplink's interface, where possible in
/// the next hop's subnet. Where there is none, and where only the source tells this path from
/// another with the same interface and next hop, our own address in its source prefix. Nothing when
/// the machine has neither: the kernel then chooses.
std::optional<IpAddress> probe_source(const Settings& settings, const Uplink& uplink, Family family,
                                      const Observed& observed);

/// Adds what the probes of all uplinks need.
void add_probe_routes(const Settings& settings, const Observed& observed,
                      kernel::NetworkState& network);

}  // namespace anabranch::gateway
