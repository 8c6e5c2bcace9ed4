// SPDX-License-Identifier: MIT
// The PROXY protocol, version 2 (binary): what a proxy says to a server before anything else, so
// that the server learns who the client is.
// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
#pragma once

#include <cstdint>
#include <vector>

#include "base/endpoint.hpp"

namespace anabranch::wire {

/// The header of a TCP connection that `source` opened to `destination`: 28 octets for IPv4, 52 for
/// IPv6. Of two families the IPv4 one is written as IPv4-mapped; IPv4-mapped addresses on both
/// sides are written as IPv4.
std::vector<std::uint8_t> encode_proxy_protocol(const Endpoint& source,
                                                const Endpoint& destination);

}  // namespace anabranch::wire
