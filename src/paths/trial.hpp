// SPDX-License-Identifier: MIT
// Single connections over chosen paths, without any data, to see what comes back: `paths explain
// --try`. A peer sees them as connections that open and close.
#pragma once

#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "paths/explain_facts.hpp"

namespace anabranch::paths {

struct TrialPlan {
  IpAddress local;
  Endpoint remote;
  std::string interface;  ///< to bind to; empty: not bound
};

struct TrialOutcome {
  std::vector<Trial> trials;           ///< in the order of the plans
  std::vector<PeerAddress> announced;  ///< what the peer announced meanwhile, as far as we may look
};

/// For each plan one connection with MPTCP and one without, all at once; waits `patience` at most,
/// which has to be below three seconds: the kernel then takes an unanswered SYN for a black hole.
TrialOutcome try_paths(std::span<const TrialPlan> plans, nanoseconds patience);

/// Whether blackhole detection keeps MPTCP off in this namespace now: the kernel gives no other
/// answer than what becomes of a connection, so one is made to ourselves over the loopback. Nothing
/// when the loopback is down.
std::optional<bool> mptcp_is_blackholed();

}  // namespace anabranch::paths
