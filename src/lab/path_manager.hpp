// SPDX-License-Identifier: MIT
// The path managers that can look after the connections of a node, as one value: what a scenario
// compares.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "lab/network.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

/// Who opens, closes and ranks the subflows of a node's connections.
enum class Manager : std::uint8_t { kKernel, kMptcpd, kAnabranch };
inline constexpr Manager kManagers[] = {Manager::kKernel, Manager::kMptcpd, Manager::kAnabranch};
std::string_view manager_name(Manager manager);  ///< "kernel", "mptcpd", "anabranch"
std::vector<std::string_view> manager_names();

/// Whether our path manager limits by BPF what subflows may queue, in the lab's cgroup. It does
/// only where the kernel lets it.
enum class SubflowLimits : std::uint8_t { kOff, kOn };

/// Whether the program is installed; the reason why it is not as the error.
Result<void> find_manager(Manager manager);
/// Gives the connections that `node` opens from now on to the manager and returns when it is ready:
/// the kernel's own with an endpoint "subflow" for each address, mptcpd with its plugin that opens
/// one subflow for each interface, or `anabranch paths run` with nothing configured but its limits.
Result<void> start_manager(Network& network, std::string_view node, Manager manager,
                           SubflowLimits limits = SubflowLimits::kOff);
/// Whether our path manager in `node` has limits in force.
bool has_subflow_limits(const Network& network, std::string_view node);
/// Ends it (SIGTERM) and leaves the kernel's path manager without endpoints. What a daemon keeps
/// for its next start stays.
Result<void> stop_manager(Network& network, std::string_view node, Manager manager);
/// The next start of the daemon knows nothing of this one.
Result<void> forget_manager_state(std::string_view node);

/// Roles of kMptcpd and kAnabranch, for Network::kill_role() and role_pid(). A node whose manager
/// is started must have them.
inline constexpr std::string_view kMptcpdRole = "mptcpd";
inline constexpr std::string_view kPathsRole = "paths";
std::vector<Role> manager_roles();

}  // namespace anabranch::lab
