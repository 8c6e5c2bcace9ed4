// SPDX-License-Identifier: MIT
// An interface as a cable: plugged in or not, and silent on its own account.
#pragma once

#include <string>

#include "base/result.hpp"

namespace anabranch::kernel {

/// Sets `interface` of the calling thread's namespace administratively up or down. Down takes the
/// carrier from both ends of a veth pair. Errors: no such interface, not permitted.
Result<void> set_interface_up(const std::string& interface, bool up);

/// Keeps this host's own IPv6 off `interface`: no link-local address, no router solicitations, no
/// neighbour discovery. Nothing to do where the kernel has no IPv6. Errors: not permitted.
Result<void> silence_ipv6(const std::string& interface);

}  // namespace anabranch::kernel
