// SPDX-License-Identifier: MIT
// What both proxies tell of their relays.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "relay/relay.hpp"

namespace anabranch::proxy {

/// How connections have ended, by name: "in-order", "reset-by-client", ... The client is who
/// connected to the proxy.
std::map<std::string, std::uint64_t> ended_by_name(const relay::RelayCounts& counts);

}  // namespace anabranch::proxy
