// SPDX-License-Identifier: MIT
// Things that go wrong on a host or its gateway while a transfer runs, as values: each is struck,
// perhaps remedied by somebody else (a service manager that starts the process again), and then
// everything has to be as it was.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/network.hpp"

namespace anabranch::lab {

struct Fault {
  std::string name;   ///< in the figures: "host_killed"
  std::string title;  ///< for people
  std::function<Result<void>(Network&)> strike;
  /// What somebody else does one second later.
  std::function<Result<void>(Network&)> remedy = {};
  /// From the strike, or the remedy where there is one, until everything is as it was.
  milliseconds bound{1000};
  /// How long the transfer goes on after the repair, until both paths carry again.
  milliseconds settles{1500};
};

/// SIGKILL to the host role, the gateway role and Kea.
std::vector<Fault> killed_processes(const std::string& host);
/// A rule, a route, an address, a macvlan of the host and a rule and a route of the gateway,
/// deleted by someone else. All belong to path 2.
std::vector<Fault> deleted_by_hand(const std::string& host);

}  // namespace anabranch::lab
