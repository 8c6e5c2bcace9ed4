// SPDX-License-Identifier: MIT
// How far an address reaches.
#pragma once

#include "base/ip.hpp"

namespace anabranch {

/// 127.0.0.0/8 (RFC 1122 section 3.2.1.3) and ::1 (RFC 4291 section 2.5.3).
bool is_loopback(const IpAddress& address);
/// 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291 section 2.5.6).
bool is_link_local(const IpAddress& address);
/// Unicast that means the same host beyond its own machine and link: neither unspecified ("this
/// network" as a whole, RFC 1122) nor multicast, broadcast, loopback or link-local. Private
/// addresses (RFC 1918, RFC 4193) are global in this sense, and so is 240.0.0.0/4, which Linux uses
/// like any.
bool is_global(const IpAddress& address);

}  // namespace anabranch
