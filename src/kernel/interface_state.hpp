// SPDX-License-Identifier: MIT
// An interface as a cable: plugged in or not, and silent on its own account.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace anabranch::kernel {

/// Sets `interface` of the calling thread's namespace administratively up or down. Down takes the
/// carrier from both ends of a veth pair. Errors: no such interface, not permitted.
Result<void> set_interface_up(const std::string& interface, bool up);

/// Whether `interface` is a wireless one: cfg80211 or the older wireless extensions know it.
/// `sysfs` is where sysfs is mounted.
bool is_wireless(const std::string& interface, const std::filesystem::path& sysfs = "/sys");

/// Keeps this host's own IPv6 off `interface`: no link-local address, no router solicitations, no
/// neighbour discovery. Nothing to do where the kernel has no IPv6. Errors: not permitted.
Result<void> silence_ipv6(const std::string& interface);

}  // namespace anabranch::kernel
