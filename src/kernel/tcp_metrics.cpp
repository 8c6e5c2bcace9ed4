// SPDX-License-Identifier: MIT
#include "kernel/tcp_metrics.hpp"

#include <cerrno>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/tcp_metrics.h>

#include "kernel/netlink.hpp"

namespace anabranch::kernel {

Result<std::vector<std::uint8_t>> fast_open_cookie(const std::optional<IpAddress>& own,
                                                   const IpAddress& server) {
  auto socket = NetlinkSocket::open(NETLINK_GENERIC);
  if (!socket) return std::unexpected(socket.error());
  const auto family = resolve_family(*socket, TCP_METRICS_GENL_NAME);
  if (!family) return std::unexpected(family.error());
  genlmsghdr header{};
  header.cmd = TCP_METRICS_CMD_GET;
  header.version = TCP_METRICS_GENL_VERSION;
  Message message(family->id, NLM_F_REQUEST);
  message.header(header);
  const bool v4 = server.is_v4();
  message.put_address(v4 ? TCP_METRICS_ATTR_ADDR_IPV4 : TCP_METRICS_ATTR_ADDR_IPV6, server);
  if (own)
    message.put_address(v4 ? TCP_METRICS_ATTR_SADDR_IPV4 : TCP_METRICS_ATTR_SADDR_IPV6, *own);
  std::vector<std::uint8_t> out;
  const auto done = socket->query(std::move(message), "TCP metrics", [&](const nlmsghdr& answer) {
    const auto cookie =
        Attributes(answer, sizeof(genlmsghdr)).octets(TCP_METRICS_ATTR_FOPEN_COOKIE);
    out.assign(cookie.begin(), cookie.end());
  });
  // ESRCH: nothing is known of the two.
  if (!done && last_netlink_error() != ESRCH) return std::unexpected(done.error());
  return out;
}

}  // namespace anabranch::kernel
