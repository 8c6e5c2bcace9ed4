// SPDX-License-Identifier: MIT
#include "kernel/conntrack.hpp"

#include <cerrno>
#include <vector>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include "kernel/netlink.hpp"

namespace anabranch::kernel {
namespace {

int message_type(int command) {
  return (NFNL_SUBSYS_CTNETLINK << 8) | command;
}

nfgenmsg header_for(Family family) {
  return {static_cast<std::uint8_t>(address_family(family)), NFNETLINK_V0, 0};
}

}  // namespace

Result<unsigned> flush_conntrack(const IpPrefix& source) {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) {
    if (errno == EPROTONOSUPPORT) return 0u;
    return std::unexpected(socket.error());
  }
  // The original tuple identifies an entry: it is given back to the kernel as it came.
  std::vector<std::vector<std::uint8_t>> tuples;
  std::vector<std::vector<std::uint8_t>> zones;
  Message dump(message_type(IPCTNL_MSG_CT_GET), NLM_F_DUMP);
  dump.header(header_for(source.family()));
  const auto done = socket->query(
      std::move(dump), "cannot list tracked connections", [&](const nlmsghdr& answer) {
        const Attributes attributes(answer, sizeof(nfgenmsg));
        const Attributes ip = attributes.nested(CTA_TUPLE_ORIG).nested(CTA_TUPLE_IP);
        const auto address = source.family() == Family::kIpv4 ? ip.address(CTA_IP_V4_SRC)
                                                              : ip.address(CTA_IP_V6_SRC);
        if (!address || !source.contains(*address)) return;
        const auto tuple = attributes.octets(CTA_TUPLE_ORIG);
        const auto zone = attributes.octets(CTA_ZONE);
        tuples.emplace_back(tuple.begin(), tuple.end());
        zones.emplace_back(zone.begin(), zone.end());
      });
  if (!done) {
    if (last_netlink_error() == EINVAL || last_netlink_error() == EOPNOTSUPP) return 0u;
    return std::unexpected(done.error());
  }
  unsigned deleted = 0;
  for (std::size_t i = 0; i < tuples.size(); ++i) {
    Message remove(message_type(IPCTNL_MSG_CT_DELETE), 0);
    remove.header(header_for(source.family())).put(CTA_TUPLE_ORIG | NLA_F_NESTED, tuples[i]);
    if (!zones[i].empty()) remove.put(CTA_ZONE, zones[i]);
    if (socket->request(std::move(remove), "cannot delete a tracked connection"))
      ++deleted;
    else if (last_netlink_error() != ENOENT)
      return fail_errno(last_netlink_error(), "cannot delete a tracked connection");
  }
  return deleted;
}

}  // namespace anabranch::kernel
