// SPDX-License-Identifier: MIT
// What the operator wants of a gateway: gateway.toml as values. Everything that can be known to be
// wrong without looking at the machine is refused here, with the place and what to write instead.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/ip.hpp"
#include "base/registry.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::gateway {

/// How addresses of a source prefix look outside.
enum class Nat {
  kMasquerade,  ///< all behind the uplink's own address
  kPrefix,      ///< one to one into `external_prefix`
  kNone,        ///< as they are; the gateway then keeps no state of a connection
};
std::string_view nat_name(Nat nat);

struct AddressRange {
  IpAddress first;
  IpAddress last;
  auto operator<=>(const AddressRange&) const = default;
};

/// How inner IPv6 addresses look outside.
enum class Nat66 {
  kNone,       ///< as they are: the provider's own prefix is on the LAN
  kStateful,   ///< one to one into `external_prefix`, by connection tracking
  kStateless,  ///< the same without state; errors that quote packets are not translated
};
std::string_view nat66_name(Nat66 nat);

/// What an uplink carries of IPv6 (`[uplink.ipv6]`).
struct Ipv6 {
  IpPrefix source_prefix;  ///< on the LAN; 64 bits, as SLAAC wants it
  IpAddress next_hop;      ///< the provider's router; link-local ones are on the uplink's interface
  IpAddress router;        ///< our address in source_prefix
  Nat66 nat = Nat66::kNone;
  std::optional<IpPrefix> external_prefix;  ///< as long as source_prefix; with translation only
  AddressRange pool;                        ///< what DHCPv6 hands out (IA_NA)
  std::optional<IpPrefix> delegated;        ///< what DHCPv6 delegates from (IA_PD)
  unsigned delegated_length = 0;            ///< of each delegated prefix
};

/// A question that only a working uplink answers, sent over that uplink alone.
struct HealthProbe {
  enum class Kind : std::uint8_t { kIcmp, kTcp, kHttp };
  Kind kind = Kind::kIcmp;
  IpAddress address = {};
  std::uint16_t port = 0;  ///< not with kIcmp
  std::string path = {};   ///< with kHttp: "/" and so on; any 2xx or 3xx answer counts
  std::string host = {};   ///< with kHttp: the Host header
  bool operator==(const HealthProbe&) const = default;
};

/// When an uplink counts as working (`[uplink.health]`). It does while any of its probes is
/// answered.
struct Health {
  std::vector<HealthProbe> probes;  ///< none: carrier and next hop alone
  nanoseconds interval{};           ///< between two rounds of probes
  nanoseconds timeout{};            ///< of one, no longer than the interval
  unsigned down_after = 0;          ///< rounds in a row that nobody answers
  unsigned up_after = 0;            ///< rounds in a row that somebody answers
  bool operator==(const Health&) const = default;
};

struct Uplink {
  std::string name;
  std::string interface;
  /// IPv4 as a whole may be missing when there is IPv6: see has_ipv4().
  IpAddress next_hop;
  unsigned index = 0;  ///< what EXT_ROUTE calls this path, 1..registry::kMaxUplinks
  IpPrefix source_prefix;
  IpAddress router;  ///< our address on the LAN for hosts of this prefix
  Nat nat = Nat::kMasquerade;
  std::optional<IpPrefix> external_prefix;
  std::string fail_open;  ///< name of the uplink that takes over; empty: unreachable
  AddressRange pool;      ///< what DHCP hands out
  std::optional<Ipv6> ipv6 = std::nullopt;
  std::string pvd;             ///< id of the provisioning domain, an FQDN (RFC 8801 section 3.1)
  std::vector<IpAddress> dns;  ///< IPv6 resolvers to be reached over this path
  Health health;

  bool has_ipv4() const { return source_prefix.length() != 0; }
};

enum class DhcpMode {
  kKea,       ///< we start and feed a Kea of our own
  kExternal,  ///< someone else's server, fed by `anabranch gateway kea-config`
  kOff,
};
std::string_view dhcp_mode_name(DhcpMode mode);
DhcpMode parse_dhcp_mode(std::string_view name);

/// Kea's "lease-database". The memfile one lies in the state directory and needs nothing.
struct LeaseDatabase {
  std::string type;
  std::string name;
  std::string host;
  std::string user;
  std::string password;
  unsigned port = 0;
  bool operator==(const LeaseDatabase&) const = default;
};

struct Dhcp {
  DhcpMode mode = DhcpMode::kKea;
  unsigned ext_route_code = 0;
  seconds lease_time = {};
  std::vector<IpAddress> dns;
  std::vector<IpAddress> relays;  ///< those of clients that are not on the LAN
  unsigned leases_per_mac = 0;    ///< 0: no limit
  LeaseDatabase lease_database;
};

/// Router Advertisements (`[advertise]`), RFC 4861 section 6.2.1 and RFC 8801.
struct Advertise {
  bool enabled = true;
  nanoseconds interval{};  ///< MaxRtrAdvInterval
  seconds router{};        ///< lifetime as a router
  seconds valid{};         ///< of prefixes
  seconds preferred{};
  unsigned mtu = 0;  ///< 0: not told
};

/// DHCPv6 (`[dhcp6]`): its own Kea beside that of DHCPv4.
struct Dhcp6 {
  DhcpMode mode = DhcpMode::kOff;
  seconds lease_time = {};
};

/// What hosts are told of Transport Converters (`[converters]`), the best first.
struct Converters {
  std::vector<IpAddress> addresses = {};
  std::uint16_t port = registry::kConvertPort;

  std::vector<IpAddress> of(Family family) const;
};

struct Settings {
  std::string lan;
  bool routed = false;           ///< the hosts are behind other routers, not on the LAN
  std::optional<IpAddress> via;  ///< the next one of those; else the main table knows the way
  std::vector<IpPrefix> local_prefixes;  ///< further destinations that are no uplink's business
  std::vector<Uplink> uplinks;           ///< by index, lowest first; never empty
  Dhcp dhcp;
  Dhcp6 dhcp6;
  Advertise advertise;
  Converters converters;
  std::optional<status::MetricsAddress> metrics;  ///< nothing: none

  const Uplink* find(std::string_view name) const;
  const Uplink& base() const { return uplinks.front(); }
  /// The path of hosts that know nothing of paths (EXT_ROUTE index 0 or no option): the lowest
  /// index that has the family; nothing when none has.
  const Uplink* base(Family family) const;
  /// EXT_ROUTE's count: the highest configured index. Health does not change it.
  unsigned count() const { return uplinks.back().index; }
};

/// Every key of the file, in the order in which the manual tells them.
std::span<const config::Setting> setting_definitions();

/// Reads and judges the file. The error (kBadInput) holds every complaint, a line each.
Result<Settings> load(const std::filesystem::path& file);
Result<Settings> parse(std::string_view text, std::string name);

}  // namespace anabranch::gateway
