// SPDX-License-Identifier: MIT
// A lease in a file: its times by the wall clock, since the other clock begins anew at every start
// of the machine.
#pragma once

#include <chrono>

#include <nlohmann/json_fwd.hpp>

#include "host/lease.hpp"
#include "host/lease6.hpp"

namespace anabranch::host {

using WallTime = std::chrono::system_clock::time_point;

/// Two clocks read at one moment, to turn one's times into the other's.
struct Clocks {
  MonotonicTime monotonic = MonotonicClock::now();
  WallTime wall = std::chrono::system_clock::now();
};

nlohmann::json lease_to_json(const Lease& lease, const Clocks& clocks);
/// A lease from the future (the wall clock was set back) counts as obtained now. Throws what the
/// JSON library and std::expected throw when `value` is no lease: a disk may have mangled it.
Lease lease_from_json(const nlohmann::json& value, const Clocks& clocks);

/// The same of a DHCPv6 lease.
nlohmann::json lease6_to_json(const Lease6& lease, const Clocks& clocks);
Lease6 lease6_from_json(const nlohmann::json& value, const Clocks& clocks);

}  // namespace anabranch::host
