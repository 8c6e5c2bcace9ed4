// SPDX-License-Identifier: MIT
// What the kernel remembers of the machines it has had TCP connections with (ip-tcp_metrics(8)).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

/// The TCP Fast Open cookie (RFC 7413) that `server` gave to connections from `own`, or from any
/// address of ours; empty when the kernel has none. The next SYN between the two that asks for Fast
/// Open carries it.
Result<std::vector<std::uint8_t>> fast_open_cookie(const std::optional<IpAddress>& own,
                                                   const IpAddress& server);

}  // namespace anabranch::kernel
