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

struct Uplink {
  std::string name;
  std::string interface;
  IpAddress next_hop;
  unsigned index = 0;  ///< what EXT_ROUTE calls this path, 1..registry::kMaxUplinks
  IpPrefix source_prefix;
  IpAddress router;  ///< our address on the LAN for hosts of this prefix
  Nat nat = Nat::kMasquerade;
  std::optional<IpPrefix> external_prefix;
  std::string fail_open;  ///< name of the uplink that takes over; empty: unreachable
  AddressRange pool;      ///< what DHCP hands out
};

enum class DhcpMode {
  kKea,       ///< we start and feed a Kea of our own
  kExternal,  ///< someone else's server, fed by `anabranch gateway kea-config`
  kOff,
};
std::string_view dhcp_mode_name(DhcpMode mode);

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

struct Settings {
  std::string lan;
  bool routed = false;           ///< the hosts are behind other routers, not on the LAN
  std::optional<IpAddress> via;  ///< the next one of those; else the main table knows the way
  std::vector<IpPrefix> local_prefixes;  ///< further destinations that are no uplink's business
  std::vector<Uplink> uplinks;           ///< by index, lowest first; never empty
  Dhcp dhcp;
  std::optional<status::MetricsAddress> metrics;  ///< nothing: none

  const Uplink* find(std::string_view name) const;
  /// The path of hosts that know nothing of paths (EXT_ROUTE index 0 or no option).
  const Uplink& base() const { return uplinks.front(); }
  /// EXT_ROUTE's count: the highest configured index. Health does not change it.
  unsigned count() const { return uplinks.back().index; }
};

/// Every key of the file, in the order in which the manual tells them.
std::span<const config::Setting> setting_definitions();

/// Reads and judges the file. The error (kBadInput) holds every complaint, a line each.
Result<Settings> load(const std::filesystem::path& file);
Result<Settings> parse(std::string_view text, std::string name);

}  // namespace anabranch::gateway
