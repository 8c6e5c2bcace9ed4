// SPDX-License-Identifier: MIT
// The host role on one physical interface: `anabranch host run`.
//
// Watches the interface, asks the network how many paths it has (discovery.hpp), runs a DHCP client
// for each further one (path.hpp), and after every change brings the kernel to the plan (plan.hpp,
// apply.hpp). On SIGTERM it ends and leaves the paths as they are: their addresses carry the rest
// of their leases and end by themselves, and a restart takes them over.
#pragma once

#include <string>

#include "base/result.hpp"
#include "host/settings.hpp"

namespace anabranch::host {

/// Runs until SIGTERM or SIGINT; SIGHUP reads the file again. Errors: a wrong file, no such
/// interface, not permitted, runs already.
Result<void> run_host(const std::string& interface, SettingsFile file);

/// Name of the role's status socket on `interface`.
std::string status_role(const std::string& interface);

}  // namespace anabranch::host
