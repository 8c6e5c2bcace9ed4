// SPDX-License-Identifier: MIT
// The MPTCP counters of the calling thread's network namespace (MPTcpExt of /proc/net/netstat), as
// `nstat` shows them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace anabranch::kernel {

/// By name, as "MPJoinSynTx"; empty where the kernel has no MPTCP.
std::map<std::string, std::uint64_t> mptcp_counters();

}  // namespace anabranch::kernel
