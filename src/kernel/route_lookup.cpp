// SPDX-License-Identifier: MIT
#include "kernel/route_lookup.hpp"

#include <algorithm>

#include <linux/rtnetlink.h>

namespace anabranch::kernel {

Result<RouteLookup> RouteLookup::open() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  return RouteLookup(*std::move(socket));
}

Result<RouteAnswer> RouteLookup::ask(const Question& question) {
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(address_family(question.to.family()));
  header.rtm_dst_len = static_cast<std::uint8_t>(question.to.width());
  if (question.from) header.rtm_src_len = static_cast<std::uint8_t>(question.from->width());
  // IPv6 tells the table unasked, and refuses to be asked for it.
  if (question.to.is_v4()) header.rtm_flags = RTM_F_LOOKUP_TABLE;
  if (question.ifindex != 0) header.rtm_flags |= RTM_F_FIB_MATCH;
  Message message(RTM_GETROUTE, 0);
  message.header(header).put_address(RTA_DST, question.to);
  if (question.from) message.put_address(RTA_SRC, *question.from);
  if (question.ifindex != 0) message.put_u32(RTA_OIF, question.ifindex);
  RouteAnswer out;
  const auto done = socket_.query(
      std::move(message), "no route to " + question.to.text(), [&](const nlmsghdr& answer) {
        const auto& route = *static_cast<const rtmsg*>(NLMSG_DATA(&answer));
        const Attributes attributes(answer, sizeof route);
        out.ifindex = attributes.u32(RTA_OIF);
        out.via = attributes.address(RTA_GATEWAY);
        out.source = attributes.address(RTA_PREFSRC);
        out.table = attributes.u32(RTA_TABLE, route.rtm_table);
        out.to_ourselves = route.rtm_type == RTN_LOCAL;
      });
  if (!done) return std::unexpected(done.error());
  return out;
}

std::optional<std::uint32_t> RouteLookup::table_with_route(const IpAddress& to, unsigned ifindex) {
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(address_family(to.family()));
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  message.header(header).put_u32(RTA_OIF, ifindex);
  std::optional<std::uint32_t> out;
  const auto done =
      socket_.query(std::move(message), "cannot list routes", [&](const nlmsghdr& answer) {
        const auto& route = *static_cast<const rtmsg*>(NLMSG_DATA(&answer));
        const Attributes attributes(answer, sizeof route);
        if (route.rtm_family != header.rtm_family || route.rtm_type != RTN_UNICAST) return;
        if (attributes.u32(RTA_OIF) != ifindex) return;
        const auto network = attributes.address(RTA_DST);
        if (network ? !IpPrefix(*network, route.rtm_dst_len).contains(to) : route.rtm_dst_len != 0)
          return;
        const auto table = attributes.u32(RTA_TABLE, route.rtm_table);
        out = std::min(out.value_or(table), table);
      });
  return done ? out : std::nullopt;
}

}  // namespace anabranch::kernel
