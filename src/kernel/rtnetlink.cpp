// SPDX-License-Identifier: MIT
// Links and the monitor; addresses, routes and rules are in rtnetlink_routes.cpp.
#include "kernel/rtnetlink.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/registry.hpp"
#include "kernel/route_protocols.hpp"

namespace anabranch::kernel {
namespace {

/// IFF_LOWER_UP of linux/if.h, which does not go together with net/if.h.
constexpr unsigned kLowerUp = 1u << 16;

LinkInfo parse_link(const nlmsghdr& message) {
  const auto& header = *static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
  const Attributes attributes(message, sizeof header);
  LinkInfo out;
  out.index = static_cast<unsigned>(header.ifi_index);
  out.name = attributes.text(IFLA_IFNAME);
  out.alias = attributes.text(IFLA_IFALIAS);
  out.kind = attributes.nested(IFLA_LINKINFO).text(IFLA_INFO_KIND);
  out.parent = attributes.u32(IFLA_LINK);
  out.mtu = attributes.u32(IFLA_MTU);
  out.loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
  out.admin_up = (header.ifi_flags & IFF_UP) != 0;
  out.carrier = (header.ifi_flags & kLowerUp) != 0;
  out.running = (header.ifi_flags & IFF_RUNNING) != 0;
  if (const auto mac = attributes.octets(IFLA_ADDRESS); mac.size() == 6)
    std::ranges::copy(mac, out.mac.octets.begin());
  if (const auto octets = attributes.octets(IFLA_STATS64);
      octets.size() >= 4 * sizeof(std::uint64_t)) {
    // rtnl_link_stats64 begins with rx_packets, tx_packets, rx_bytes, tx_bytes.
    std::memcpy(&out.received_octets, octets.data() + 16, 8);
    std::memcpy(&out.sent_octets, octets.data() + 24, 8);
  }
  return out;
}

ifinfomsg link_header(unsigned ifindex) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(ifindex);
  return header;
}

bool matters(const rtmsg& route) {
  return route.rtm_table != RT_TABLE_MAIN || route.rtm_dst_len == 0 ||
         !by_routing_daemon(route.rtm_protocol);
}

}  // namespace

Result<Rtnetlink> Rtnetlink::open() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  return Rtnetlink(std::move(*socket));
}

Result<std::vector<LinkInfo>> Rtnetlink::links() {
  Message message(RTM_GETLINK, NLM_F_DUMP);
  message.header(link_header(0));
  std::vector<LinkInfo> out;
  const auto done =
      socket_.query(std::move(message), "cannot list interfaces",
                    [&](const nlmsghdr& answer) { out.push_back(parse_link(answer)); });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<LinkInfo> Rtnetlink::link(std::string_view name) {
  Message message(RTM_GETLINK, 0);
  message.header(link_header(0)).put_text(IFLA_IFNAME, name);
  LinkInfo out;
  const auto done = socket_.query(std::move(message), "no interface '" + std::string(name) + "'",
                                  [&](const nlmsghdr& answer) { out = parse_link(answer); });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<void> Rtnetlink::set_up(unsigned ifindex, bool up) {
  auto header = link_header(ifindex);
  header.ifi_change = IFF_UP;
  header.ifi_flags = up ? IFF_UP : 0;
  Message message(RTM_NEWLINK, 0);
  message.header(header);
  return socket_.request(std::move(message),
                         up ? "cannot set the interface up" : "cannot set the interface down");
}

Result<void> Rtnetlink::set_alias(unsigned ifindex, std::string_view alias) {
  Message message(RTM_NEWLINK, 0);
  message.header(link_header(ifindex)).put_text(IFLA_IFALIAS, alias);
  return socket_.request(std::move(message), "cannot set the interface's alias");
}

Result<void> Rtnetlink::set_mac(unsigned ifindex, const MacAddress& mac) {
  Message message(RTM_NEWLINK, 0);
  message.header(link_header(ifindex)).put(IFLA_ADDRESS, mac.octets);
  return socket_.request(std::move(message), "cannot set the interface's Ethernet address");
}

Result<void> Rtnetlink::create_macvlan(std::string_view name, unsigned parent,
                                       const MacAddress& mac) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header(0))
      .put_text(IFLA_IFNAME, name)
      .put_u32(IFLA_LINK, parent)
      .put(IFLA_ADDRESS, mac.octets)
      .nest(IFLA_LINKINFO, [](Message& info) {
        info.put_text(IFLA_INFO_KIND, "macvlan").nest(IFLA_INFO_DATA, [](Message& data) {
          data.put_u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
        });
      });
  return socket_.request(std::move(message), "cannot create the macvlan " + std::string(name));
}

Result<void> Rtnetlink::create_veth(std::string_view name_a, int netns_a, std::string_view name_b,
                                    int netns_b) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header(0))
      .put_text(IFLA_IFNAME, name_a)
      .put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns_a))
      .nest(IFLA_LINKINFO, [&](Message& info) {
        info.put_text(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, [&](Message& data) {
          data.nest(VETH_INFO_PEER, [&](Message& peer) {
            peer.header(link_header(0))
                .put_text(IFLA_IFNAME, name_b)
                .put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns_b));
          });
        });
      });
  return socket_.request(std::move(message), "cannot create the veth pair " + std::string(name_a) +
                                                 " - " + std::string(name_b));
}

Result<void> Rtnetlink::create_bridge(std::string_view name) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header(0)).put_text(IFLA_IFNAME, name).nest(IFLA_LINKINFO, [](Message& info) {
    info.put_text(IFLA_INFO_KIND, "bridge");
  });
  return socket_.request(std::move(message), "cannot create the bridge " + std::string(name));
}

Result<void> Rtnetlink::set_master(unsigned ifindex, unsigned master) {
  Message message(RTM_NEWLINK, 0);
  message.header(link_header(ifindex)).put_u32(IFLA_MASTER, master);
  return socket_.request(std::move(message), "cannot attach the interface to the bridge");
}

Result<void> Rtnetlink::delete_link(unsigned ifindex) {
  Message message(RTM_DELLINK, 0);
  message.header(link_header(ifindex));
  auto done = socket_.request(std::move(message), "cannot delete the interface");
  if (!done && last_netlink_error() == ENODEV) return {};
  return done;
}

Result<RouteMonitor> RouteMonitor::open() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  for (const unsigned group :
       {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE})
    ANABRANCH_TRY(socket->join(group));
  return RouteMonitor(std::move(*socket));
}

RouteMonitor::Changes RouteMonitor::drain() {
  Changes out;
  const bool complete = socket_.drain([&](const nlmsghdr& message) {
    switch (message.nlmsg_type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        out.links = true;
        break;
      case RTM_NEWADDR:
      case RTM_DELADDR:
        out.addresses = true;
        break;
      case RTM_NEWROUTE:
      case RTM_DELROUTE:
        if (matters(*static_cast<const rtmsg*>(NLMSG_DATA(&message)))) out.routes = true;
        break;
      case RTM_NEWRULE:
      case RTM_DELRULE:
        out.rules = true;
        break;
      default:
        break;
    }
  });
  if (!complete) out = {true, true, true, true};
  return out;
}

}  // namespace anabranch::kernel
