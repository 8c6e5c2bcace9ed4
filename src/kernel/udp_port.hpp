// SPDX-License-Identifier: MIT
// A UDP port that is held open without being read.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

/// Binds `address`:`port` on `interface`. What arrives is thrown away by the kernel; without a
/// socket it would tell the sender that the port is unreachable. For those who read the packets by
/// a PacketSocket. Others may bind the same port.
Result<UniqueFd> hold_udp_port(const std::string& interface, const IpAddress& address,
                               std::uint16_t port);

}  // namespace anabranch::kernel
