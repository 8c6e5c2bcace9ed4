// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <cstring>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "kernel/route_protocols.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::kernel {
namespace {

/// IFA_PROTO came with Linux 5.18: who made an address.
constexpr int kIfaProto = 11;
constexpr std::uint32_t kForever = 0xffffffff;
constexpr std::uint32_t kNoSuppression = 0xffffffff;

/// In the last of the prefixes for documentation (RFC 9637): nobody has a more specific route to
/// it.
constexpr std::array<std::uint8_t, 16> kAnywhere{0x3f, 0xff, 0x0f, 0xff, 0, 0, 0, 0,
                                                 0,    0,    0,    0,    0, 0, 0, 1};

std::uint8_t family_octet(Family family) {
  return static_cast<std::uint8_t>(address_family(family));
}

std::optional<Address> parse_address(const nlmsghdr& message) {
  const auto& header = *static_cast<const ifaddrmsg*>(NLMSG_DATA(&message));
  const Attributes attributes(message, sizeof header);
  const auto address =
      attributes.has(IFA_LOCAL) ? attributes.address(IFA_LOCAL) : attributes.address(IFA_ADDRESS);
  if (!address) return std::nullopt;
  Address out;
  out.ifindex = header.ifa_index;
  out.prefix = IpPrefix(*address, header.ifa_prefixlen);
  out.protocol = attributes.u8(kIfaProto);
  out.prefix_route = (attributes.u32(IFA_FLAGS, header.ifa_flags) & IFA_F_NOPREFIXROUTE) == 0;
  const auto flags = attributes.u32(IFA_FLAGS, header.ifa_flags);
  out.tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0;
  out.duplicate = (flags & IFA_F_DADFAILED) != 0;
  out.temporary = !address->is_v4() && (flags & IFA_F_TEMPORARY) != 0;
  out.deprecated = (flags & IFA_F_DEPRECATED) != 0;
  if (const auto octets = attributes.octets(IFA_CACHEINFO);
      octets.size() >= sizeof(ifa_cacheinfo)) {
    ifa_cacheinfo cache;
    std::memcpy(&cache, octets.data(), sizeof cache);
    if (cache.ifa_valid != kForever) out.valid = seconds(cache.ifa_valid);
    if (cache.ifa_prefered != cache.ifa_valid) out.preferred = seconds(cache.ifa_prefered);
  }
  return out;
}

Route::Type route_type(unsigned type) {
  switch (type) {
    case RTN_UNICAST:
      return Route::Type::kUnicast;
    case RTN_UNREACHABLE:
      return Route::Type::kUnreachable;
    case RTN_BLACKHOLE:
      return Route::Type::kBlackhole;
    case RTN_LOCAL:
      return Route::Type::kLocal;
    default:
      return Route::Type::kOther;
  }
}

std::uint8_t route_type_octet(Route::Type type) {
  switch (type) {
    case Route::Type::kUnreachable:
      return RTN_UNREACHABLE;
    case Route::Type::kBlackhole:
      return RTN_BLACKHOLE;
    case Route::Type::kLocal:
      return RTN_LOCAL;
    default:
      return RTN_UNICAST;
  }
}

std::optional<Family> family_of(unsigned family) {
  if (family == AF_INET) return Family::kIpv4;
  if (family == AF_INET6) return Family::kIpv6;
  return std::nullopt;
}

IpPrefix prefix_or_any(const std::optional<IpAddress>& address, unsigned length, Family family) {
  return address ? IpPrefix(*address, length) : IpPrefix::any(family);
}

std::optional<Route> parse_route(const nlmsghdr& message) {
  const auto& header = *static_cast<const rtmsg*>(NLMSG_DATA(&message));
  const auto family = family_of(header.rtm_family);
  if (!family || (header.rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  const Attributes attributes(message, sizeof header);
  Route out;
  out.table = attributes.u32(RTA_TABLE, header.rtm_table);
  if (out.table == RT_TABLE_LOCAL) return std::nullopt;
  out.to = prefix_or_any(attributes.address(RTA_DST), header.rtm_dst_len, *family);
  out.type = route_type(header.rtm_type);
  out.via = attributes.address(RTA_GATEWAY);
  // IPv6 names the loopback interface for packets that go nowhere.
  if (out.type == Route::Type::kUnicast || out.type == Route::Type::kLocal)
    out.ifindex = attributes.u32(RTA_OIF);
  out.source = attributes.address(RTA_PREFSRC);
  out.metric = attributes.u32(RTA_PRIORITY);
  out.onlink = (header.rtm_flags & RTNH_F_ONLINK) != 0;
  out.protocol = header.rtm_protocol;
  if (attributes.has(RTA_METRICS)) out.mtu = attributes.nested(RTA_METRICS).u32(RTAX_MTU);
  return out;
}

std::optional<Rule> parse_rule(const nlmsghdr& message) {
  const auto& header = *static_cast<const fib_rule_hdr*>(NLMSG_DATA(&message));
  const auto family = family_of(header.family);
  if (!family) return std::nullopt;
  const Attributes attributes(message, sizeof header);
  Rule out;
  out.priority = attributes.u32(FRA_PRIORITY);
  out.family = *family;
  if (const auto from = attributes.address(FRA_SRC)) out.from = IpPrefix(*from, header.src_len);
  if (const auto to = attributes.address(FRA_DST)) out.to = IpPrefix(*to, header.dst_len);
  out.input_interface = attributes.text(FRA_IIFNAME);
  out.table = attributes.u32(FRA_TABLE, header.table);
  out.protocol = attributes.u8(FRA_PROTOCOL);
  out.ip_protocol = attributes.u8(FRA_IP_PROTO);
  out.mark = attributes.u32(FRA_FWMARK);
  if (const auto length = attributes.u32(FRA_SUPPRESS_PREFIXLEN, kNoSuppression);
      length != kNoSuppression)
    out.suppress_prefix_length = length;
  switch (header.action) {
    case FR_ACT_TO_TBL:
      out.action = Rule::Action::kLookup;
      break;
    case FR_ACT_BLACKHOLE:
      out.action = Rule::Action::kBlackhole;
      break;
    case FR_ACT_UNREACHABLE:
      out.action = Rule::Action::kUnreachable;
      break;
    case FR_ACT_GOTO:
      out.action = Rule::Action::kGoto;
      out.go_to = attributes.u32(FRA_GOTO);
      break;
    default:
      out.action = Rule::Action::kOther;
  }
  // The kernel names a table for rules that look nothing up, too.
  if (out.action != Rule::Action::kLookup) out.table = 0;
  return out;
}

std::uint8_t scope_of(const Route& route) {
  if (route.type == Route::Type::kLocal) return RT_SCOPE_HOST;
  return route.type == Route::Type::kUnicast && !route.via ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

Message address_message(const Address& address, int type, int flags) {
  ifaddrmsg header{};
  header.ifa_family = family_octet(address.prefix.family());
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix.length());
  header.ifa_index = address.ifindex;
  Message message(type, flags);
  message.header(header)
      .put_address(IFA_LOCAL, address.prefix.address())
      .put_address(IFA_ADDRESS, address.peer.value_or(address.prefix.address()));
  return message;
}

Message route_message(const Route& route, int type, int flags) {
  rtmsg header{};
  header.rtm_family = family_octet(route.to.family());
  header.rtm_dst_len = static_cast<std::uint8_t>(route.to.length());
  header.rtm_table = RT_TABLE_UNSPEC;
  header.rtm_protocol = route.protocol;
  header.rtm_type = route_type_octet(route.type);
  header.rtm_scope = scope_of(route);
  header.rtm_flags = route.onlink ? RTNH_F_ONLINK : 0;
  Message message(type, flags);
  message.header(header).put_u32(RTA_TABLE, route.table);
  if (route.to.length() > 0) message.put_address(RTA_DST, route.to.network());
  if (route.via) message.put_address(RTA_GATEWAY, *route.via);
  if (route.ifindex != 0) message.put_u32(RTA_OIF, route.ifindex);
  if (route.source) message.put_address(RTA_PREFSRC, *route.source);
  if (route.metric != 0) message.put_u32(RTA_PRIORITY, route.metric);
  if (!route.congestion.empty() || route.mtu != 0)
    message.nest(RTA_METRICS, [&](Message& metrics) {
      if (!route.congestion.empty()) metrics.put_text(RTAX_CC_ALGO, route.congestion);
      if (route.mtu != 0) metrics.put_u32(RTAX_MTU, route.mtu);
    });
  return message;
}

Message rule_message(const Rule& rule, int type, int flags) {
  fib_rule_hdr header{};
  header.family = family_octet(rule.family);
  header.src_len = rule.from ? static_cast<std::uint8_t>(rule.from->length()) : 0;
  header.dst_len = rule.to ? static_cast<std::uint8_t>(rule.to->length()) : 0;
  switch (rule.action) {
    case Rule::Action::kBlackhole:
      header.action = FR_ACT_BLACKHOLE;
      break;
    case Rule::Action::kUnreachable:
      header.action = FR_ACT_UNREACHABLE;
      break;
    case Rule::Action::kGoto:
      header.action = FR_ACT_GOTO;
      break;
    default:
      header.action = FR_ACT_TO_TBL;
  }
  Message message(type, flags);
  message.header(header).put_u32(FRA_PRIORITY, rule.priority).put_u8(FRA_PROTOCOL, rule.protocol);
  if (rule.from) message.put_address(FRA_SRC, rule.from->network());
  if (rule.to) message.put_address(FRA_DST, rule.to->network());
  if (!rule.input_interface.empty()) message.put_text(FRA_IIFNAME, rule.input_interface);
  if (rule.action == Rule::Action::kLookup) message.put_u32(FRA_TABLE, rule.table);
  if (rule.action == Rule::Action::kGoto) message.put_u32(FRA_GOTO, rule.go_to);
  if (rule.ip_protocol != 0) message.put_u8(FRA_IP_PROTO, rule.ip_protocol);
  if (rule.mark != 0) message.put_u32(FRA_FWMARK, rule.mark).put_u32(FRA_FWMASK, 0xffffffff);
  if (rule.suppress_prefix_length)
    message.put_u32(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_prefix_length);
  return message;
}

/// Treats "it is not there" as done.
Result<void> unless_gone(Result<void> done) {
  const int error = last_netlink_error();
  if (!done && (error == ENOENT || error == ESRCH || error == EADDRNOTAVAIL || error == ENODEV))
    return {};
  return done;
}

}  // namespace

bool Route::operator==(const Route& other) const {
  return table == other.table && to == other.to && type == other.type && via == other.via &&
         ifindex == other.ifindex && source == other.source && metric == other.metric &&
         onlink == other.onlink && protocol == other.protocol && mtu == other.mtu;
}

Result<std::vector<Address>> Rtnetlink::addresses() {
  Message message(RTM_GETADDR, NLM_F_DUMP);
  message.header(ifaddrmsg{});
  std::vector<Address> out;
  const auto done =
      socket_.query(std::move(message), "cannot list addresses", [&](const nlmsghdr& answer) {
        if (auto address = parse_address(answer)) out.push_back(*std::move(address));
      });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<std::vector<Route>> Rtnetlink::routes(std::uint32_t first, std::uint32_t last,
                                             std::uint8_t protocol) {
  std::vector<Route> out;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (std::uint32_t table = first; table <= last; ++table) {
      rtmsg header{};
      header.rtm_family = family_octet(family);
      header.rtm_protocol = protocol;
      Message message(RTM_GETROUTE, NLM_F_DUMP);
      message.header(header).put_u32(RTA_TABLE, table);
      const auto done =
          socket_.query(std::move(message), "cannot list routes", [&](const nlmsghdr& answer) {
            auto route = parse_route(answer);
            // A kernel that does not filter (before 4.20, or a family it does not have) answers
            // with more.
            if (route && route->to.family() == family && route->table == table &&
                route->protocol == protocol)
              out.push_back(*std::move(route));
          });
      // ENOENT: the table does not exist.
      if (!done && last_netlink_error() != ENOENT) return std::unexpected(done.error());
    }
  }
  return out;
}

Result<std::vector<IpPrefix>> Rtnetlink::destinations(Family family, unsigned ifindex,
                                                      std::size_t most) {
  std::vector<IpPrefix> out;
  rtmsg header{};
  header.rtm_family = family_octet(family);
  header.rtm_table = RT_TABLE_MAIN;
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  message.header(header).put_u32(RTA_OIF, ifindex);
  const auto done =
      socket_.query(std::move(message), "cannot list routes", [&](const nlmsghdr& answer) {
        const auto route = parse_route(answer);
        if (!route || out.size() == most || route->table != kMainTable ||
            route->ifindex != ifindex || route->type != Route::Type::kUnicast ||
            route->to.family() != family || route->to.length() == 0 ||
            by_routing_daemon(route->protocol))
          return;
        out.push_back(route->to);
      });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<std::vector<Route>> Rtnetlink::all_routes() {
  std::vector<Route> out;
  rtmsg header{};
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  message.header(header);
  const auto done =
      socket_.query(std::move(message), "cannot list routes", [&](const nlmsghdr& answer) {
        if (auto route = parse_route(answer)) out.push_back(*std::move(route));
      });
  if (!done) return std::unexpected(done.error());
  return out;
}

std::optional<IpAddress> Rtnetlink::default_router(unsigned ifindex) {
  // An address of the reserved range (RFC 1112 section 4): nobody has a more specific route to it.
  const IpAddress anywhere = IpAddress::v4(0xf0000001);
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 32;
  header.rtm_flags = RTM_F_FIB_MATCH;
  Message message(RTM_GETROUTE, 0);
  message.header(header).put_address(RTA_DST, anywhere).put_u32(RTA_OIF, ifindex);
  std::optional<IpAddress> out;
  const auto done = socket_.query(
      std::move(message), "cannot ask for the default route", [&](const nlmsghdr& answer) {
        const auto route = parse_route(answer);
        if (route && route->to.length() == 0 && route->ifindex == ifindex) out = route->via;
      });
  return done ? out : std::nullopt;
}

std::optional<Route> Rtnetlink::default_route(Family family, std::optional<IpAddress> source,
                                              unsigned ifindex) {
  const bool v4 = family == Family::kIpv4;
  const IpAddress anywhere = v4 ? IpAddress::v4(0xf0000001) : IpAddress::v6(kAnywhere);
  rtmsg header{};
  header.rtm_family = family_octet(family);
  header.rtm_dst_len = static_cast<std::uint8_t>(anywhere.width());
  if (source) header.rtm_src_len = static_cast<std::uint8_t>(source->width());
  // IPv4 takes a destination for on-link when the interface is given and no route is found; only
  // the entry itself tells. IPv6 does not, and its search for the entry ignores the source.
  const bool entry = v4 && ifindex != 0;
  // IPv6 names the table unasked, and refuses to be asked.
  if (v4) header.rtm_flags = RTM_F_LOOKUP_TABLE | (entry ? RTM_F_FIB_MATCH : 0);
  Message message(RTM_GETROUTE, 0);
  message.header(header).put_address(RTA_DST, anywhere);
  if (source) message.put_address(RTA_SRC, *source);
  if (ifindex != 0) message.put_u32(RTA_OIF, ifindex);
  std::optional<Route> out;
  const auto done = socket_.query(
      std::move(message), "cannot ask for the default route", [&](const nlmsghdr& answer) {
        const auto& found = *static_cast<const rtmsg*>(NLMSG_DATA(&answer));
        // Two halves instead of a default route are what VPNs set.
        if (found.rtm_type != RTN_UNICAST || (entry && found.rtm_dst_len > 1)) return;
        const Attributes attributes(answer, sizeof found);
        Route route;
        route.table = attributes.u32(RTA_TABLE, found.rtm_table);
        route.to = IpPrefix::any(family);
        route.via = attributes.address(RTA_GATEWAY);
        route.ifindex = attributes.u32(RTA_OIF);
        route.source = source ? source : attributes.address(RTA_PREFSRC);
        route.protocol = found.rtm_protocol;
        if (ifindex == 0 || route.ifindex == ifindex) out = route;
      });
  if (!done) return std::nullopt;
  // A source and no bound socket: IPv6 does not insist on the interface. Then what the main table
  // has for the interface counts, which is where a bound socket's packets go.
  if (!out && !v4 && source && ifindex != 0) {
    out = default_route(family, std::nullopt, ifindex);
    if (out) out->source = source;
  }
  return out;
}

Result<std::vector<Rule>> Rtnetlink::rules() {
  std::vector<Rule> out;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    fib_rule_hdr header{};
    header.family = family_octet(family);
    Message message(RTM_GETRULE, NLM_F_DUMP);
    message.header(header);
    const auto done =
        socket_.query(std::move(message), "cannot list rules", [&](const nlmsghdr& answer) {
          if (auto rule = parse_rule(answer)) out.push_back(*std::move(rule));
        });
    if (!done) return std::unexpected(done.error());
  }
  return out;
}

Result<void> Rtnetlink::add(const Address& address) {
  Message message = address_message(address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  std::uint32_t flags = address.prefix_route ? 0 : IFA_F_NOPREFIXROUTE;
  if (address.prefix.family() == Family::kIpv6 && !address.detect_duplicates) flags |= IFA_F_NODAD;
  message.put_u32(IFA_FLAGS, flags).put_u8(kIfaProto, address.protocol);
  if (address.valid || address.preferred) {
    const auto octets = [](const std::optional<seconds>& time) {
      return time ? static_cast<std::uint32_t>(time->count()) : kForever;
    };
    ifa_cacheinfo cache{};
    cache.ifa_valid = octets(address.valid);
    cache.ifa_prefered = octets(address.preferred ? address.preferred : address.valid);
    message.put(IFA_CACHEINFO, {reinterpret_cast<const std::uint8_t*>(&cache), sizeof cache});
  }
  return socket_.request(std::move(message), "cannot add the address " + address.prefix.text());
}

Result<void> Rtnetlink::add(const Route& route) {
  return socket_.request(route_message(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE),
                         "cannot add the route to " + route.to.text());
}

Result<void> Rtnetlink::add(const Rule& rule) {
  auto done = socket_.request(rule_message(rule, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL),
                              "cannot add the rule " + std::to_string(rule.priority));
  if (!done && last_netlink_error() == EEXIST) return {};
  return done;
}

Result<void> Rtnetlink::remove(const Address& address) {
  return unless_gone(socket_.request(address_message(address, RTM_DELADDR, 0),
                                     "cannot remove the address " + address.prefix.text()));
}

Result<void> Rtnetlink::remove(const Route& route) {
  return unless_gone(socket_.request(route_message(route, RTM_DELROUTE, 0),
                                     "cannot remove the route to " + route.to.text()));
}

Result<void> Rtnetlink::remove(const Rule& rule) {
  return unless_gone(socket_.request(rule_message(rule, RTM_DELRULE, 0),
                                     "cannot remove the rule " + std::to_string(rule.priority)));
}

}  // namespace anabranch::kernel
