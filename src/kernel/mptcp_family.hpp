// SPDX-License-Identifier: MIT
// The kernel's generic netlink family mptcp_pm: endpoints, commands and events.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

struct MptcpFamily {
  NetlinkSocket socket;
  GenericFamily family;
};

/// A socket to it, and its number and groups. Without it kNotPermitted and a hint that names
/// `since`, the version of Linux that has what is wanted of it.
Result<MptcpFamily> open_mptcp_family(std::string_view since);

}  // namespace anabranch::kernel
