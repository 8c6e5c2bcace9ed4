// SPDX-License-Identifier: MIT
// Numbers of the MPTCP socket interface (include/uapi/linux/mptcp.h of Linux 6.18). The headers of
// long-lived distributions are older than the kernels they run on.
#pragma once

namespace anabranch::kernel {

inline constexpr int kIpprotoMptcp = 262;
inline constexpr int kSolMptcp = 284;
inline constexpr int kMptcpInfo = 1;
inline constexpr int kMptcpFullInfo = 4;

}  // namespace anabranch::kernel
