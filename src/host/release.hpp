// SPDX-License-Identifier: MIT
// Giving leases back when the paths of an interface are removed for good.
#pragma once

#include <string>

namespace anabranch::host {

/// Sends a DHCPRELEASE (RFC 2131 section 4.4.6) for each lease that a stopped `host run` on
/// `interface` has left, and forgets them. Call it while the paths' interfaces are still there. A
/// lease that cannot be given back ends by itself: this is not an error.
void release_leases(const std::string& interface);

}  // namespace anabranch::host
