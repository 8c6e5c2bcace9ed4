// SPDX-License-Identifier: MIT
// Results as the scenarios produce them, without running any.
#pragma once

#include "lab/result.hpp"

namespace anabranch::lab::fixture {

/// host, gateway with two uplinks, two providers, server; the first uplink is cut and restored.
ScenarioResult gateway_failover();
/// The same network with sixteen hosts on the LAN, one expectation missed.
ScenarioResult sixteen_hosts();
/// `hosts` hosts on a switch, a gateway, `uplinks` providers, a server.
Topology access_network(unsigned hosts, unsigned uplinks);

}  // namespace anabranch::lab::fixture
