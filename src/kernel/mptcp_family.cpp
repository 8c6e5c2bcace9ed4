// SPDX-License-Identifier: MIT
#include "kernel/mptcp_family.hpp"

#include <linux/netlink.h>

namespace anabranch::kernel {

Result<MptcpFamily> open_mptcp_family(std::string_view since) {
  auto socket = NetlinkSocket::open(NETLINK_GENERIC);
  if (!socket) return std::unexpected(socket.error());
  auto family = resolve_family(*socket, "mptcp_pm");
  if (!family)
    return fail("this kernel has no MPTCP path manager", {},
                "Linux " + std::string(since) +
                    " or later with CONFIG_MPTCP is needed; see 'anabranch doctor'",
                ExitCode::kNotPermitted);
  return MptcpFamily{*std::move(socket), *std::move(family)};
}

}  // namespace anabranch::kernel
