// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <linux/rtnetlink.h>

#include "base/registry.hpp"

namespace anabranch::kernel {

/// Whether a routing daemon made the route, who may make a million of them: nobody else's number is
/// it, neither the kernel's nor an administrator's, DHCP's, a router advertisement's or ours.
constexpr bool by_routing_daemon(std::uint8_t protocol) {
  return protocol > RTPROT_STATIC && protocol != RTPROT_RA && protocol != RTPROT_DHCP &&
         protocol != registry::kRouteProtocol;
}

}  // namespace anabranch::kernel
