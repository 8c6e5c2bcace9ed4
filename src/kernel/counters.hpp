// SPDX-License-Identifier: MIT
// The counters of the calling thread's network namespace in /proc/net/netstat.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace anabranch::kernel {

/// By group and name, as nstat(8) writes them: "MPTcpExtMPJoinSynRx", "TcpExtTCPTimeouts". Groups
/// of this name only, all for an empty one.
Result<std::map<std::string, std::uint64_t>> read_counters(std::string_view group = {});

/// The same from the file's text: pairs of lines, names above values.
std::map<std::string, std::uint64_t> parse_counters(std::string_view text, std::string_view group);

}  // namespace anabranch::kernel
