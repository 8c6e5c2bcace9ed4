// SPDX-License-Identifier: MIT
// Links, addresses, routes and policy rules of the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

struct LinkInfo {
  unsigned index = 0;
  std::string name;
  std::string kind;  ///< "veth", "macvlan", ...; empty for hardware
  std::string alias;
  MacAddress mac;
  unsigned parent = 0;  ///< index of the link a macvlan or VLAN lies on
  unsigned mtu = 0;
  bool loopback = false;
  bool admin_up = false;
  bool carrier = false;
  bool running = false;  ///< the kernel has taken note of the carrier; may come a moment after it
  std::uint64_t received_octets = 0;
  std::uint64_t sent_octets = 0;

  /// Can carry packets: administratively up and with carrier.
  bool operational() const { return admin_up && carrier; }
};

struct Address {
  unsigned ifindex = 0;
  IpPrefix prefix;           ///< the address with its on-link prefix length
  bool prefix_route = true;  ///< whether the kernel makes the on-link route in the main table
  std::uint8_t protocol = 0;
  /// Remaining lifetime; nothing means for ever. Not part of identity.
  std::optional<seconds> valid = std::nullopt;
  /// How long it is for new connections, too (IPv6); nothing means as long as it is valid.
  std::optional<seconds> preferred = std::nullopt;
  /// When adding an IPv6 address: use it only when nobody else on the link has it (RFC 4862 section
  /// 5.4). Without, it is taken for ours.
  bool detect_duplicates = false;
  bool tentative = false;   ///< not yet known to be free (RFC 4862), or found to be taken
  bool duplicate = false;   ///< found to be taken; the kernel keeps those without an end only
  bool deprecated = false;  ///< not for new connections
  /// The far end, for an address that is one end of a pair; only when adding.
  std::optional<IpAddress> peer = std::nullopt;
  bool temporary = false;  ///< for privacy (RFC 8981): another one comes soon

  bool same(const Address& other) const {
    return ifindex == other.ifindex && prefix == other.prefix && prefix_route == other.prefix_route;
  }
};

struct Route {
  /// kLocal: packets are for this machine.
  enum class Type : std::uint8_t { kUnicast, kUnreachable, kBlackhole, kLocal, kOther };
  std::uint32_t table = 0;
  IpPrefix to;
  Type type = Type::kUnicast;
  std::optional<IpAddress> via = std::nullopt;
  unsigned ifindex = 0;
  std::optional<IpAddress> source = std::nullopt;  ///< preferred source address
  std::uint32_t metric = 0;
  bool onlink = false;
  std::uint8_t protocol = 0;
  std::uint32_t mtu = 0;        ///< of packets on this route; 0: the interface's
  std::string congestion = {};  ///< congestion control forced on this route; only when adding

  bool operator==(const Route& other) const;
};

struct Rule {
  enum class Action : std::uint8_t { kLookup, kBlackhole, kUnreachable, kGoto, kOther };
  std::uint32_t priority = 0;
  Family family = Family::kIpv4;
  std::optional<IpPrefix> from = std::nullopt;
  std::optional<IpPrefix> to = std::nullopt;
  std::string input_interface = {};
  Action action = Action::kLookup;
  std::uint32_t table = 0;
  std::uint8_t protocol = 0;
  std::uint32_t go_to = 0;       ///< priority of the rule to go on with
  std::uint32_t mark = 0;        ///< of the packet (SO_MARK, all bits); 0: any
  std::uint8_t ip_protocol = 0;  ///< IPPROTO_TCP ...; 0: all
  /// The lookup counts only when it finds a prefix longer than this.
  std::optional<std::uint32_t> suppress_prefix_length = std::nullopt;

  bool operator==(const Rule&) const = default;
};

inline constexpr std::uint32_t kMainTable = 254;

class Rtnetlink {
 public:
  static Result<Rtnetlink> open();

  Result<std::vector<LinkInfo>> links();
  Result<LinkInfo> link(std::string_view name);
  Result<std::vector<Address>> addresses();
  /// Routes of `protocol` in the tables from `first` to `last`. The kernel is asked for one table
  /// at a time: a full Internet table in the main one costs nothing.
  Result<std::vector<Route>> routes(std::uint32_t first, std::uint32_t last, std::uint8_t protocol);
  /// Of every table and protocol, which may be very many.
  Result<std::vector<Route>> all_routes();
  /// Where the main table leads by `ifindex` without being a default route, the kernel's own routes
  /// to the link among it; routing daemons' routes are left out, and no more than `most` told.
  Result<std::vector<IpPrefix>> destinations(Family family, unsigned ifindex, std::size_t most);
  /// The router of the IPv4 default route through `ifindex`; nothing when there is none.
  std::optional<IpAddress> default_router(unsigned ifindex);
  /// The route of a packet to an address that nobody has a more specific route to, as the rules and
  /// tables are: from `source` (nothing: not chosen yet), out of `ifindex` (0: any). One lookup,
  /// however large the tables. Its `source` is what the kernel would choose, when none was given.
  std::optional<Route> default_route(Family family, std::optional<IpAddress> source,
                                     unsigned ifindex);
  Result<std::vector<Rule>> rules();

  Result<void> set_up(unsigned ifindex, bool up);
  Result<void> set_alias(unsigned ifindex, std::string_view alias);
  Result<void> set_mac(unsigned ifindex, const MacAddress& mac);
  /// Bridge mode; the new link is down.
  Result<void> create_macvlan(std::string_view name, unsigned parent, const MacAddress& mac);
  /// A pair with one end in each of two namespaces given by descriptor.
  Result<void> create_veth(std::string_view name_a, int netns_a, std::string_view name_b,
                           int netns_b);
  Result<void> create_bridge(std::string_view name);
  Result<void> set_master(unsigned ifindex, unsigned master);
  Result<void> delete_link(unsigned ifindex);

  /// Adds, or replaces lifetime and flags of, an address.
  Result<void> add(const Address& address);
  Result<void> add(const Route& route);  ///< replaces one of the same table, prefix and metric
  Result<void> add(const Rule& rule);
  /// Removing what is gone already is success.
  Result<void> remove(const Address& address);
  Result<void> remove(const Route& route);
  Result<void> remove(const Rule& rule);

 private:
  explicit Rtnetlink(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

/// Says that something changed in the namespace; what it is now must be asked for. Of a routing
/// daemon's routes of the main table only default routes count: one that feeds it must not keep us
/// busy.
class RouteMonitor {
 public:
  struct Changes {
    bool links = false;
    bool addresses = false;
    bool routes = false;
    bool rules = false;
    bool any() const { return links || addresses || routes || rules; }
  };

  static Result<RouteMonitor> open();
  int fd() const { return socket_.fd(); }
  /// What has happened since the last call; everything when the kernel had to drop messages.
  Changes drain();

 private:
  explicit RouteMonitor(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace anabranch::kernel
