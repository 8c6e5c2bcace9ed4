// SPDX-License-Identifier: MIT
// Every key of gateway.toml, once: settings.cpp reads by these, the manual and the example file are
// made of them. In the order in which the manual tells them.
#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "base/config.hpp"
#include "base/registry.hpp"
#include "base/units.hpp"
#include "gateway/setting_definitions_converters.hpp"
#include "gateway/setting_definitions_health.hpp"
#include "gateway/setting_definitions_ipv6.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::gateway::definition {

using config::Kind;
using config::Setting;

namespace lan {

inline constexpr Setting kInterface{.key = "interface",
                                    .help = "The interface on which the hosts are.",
                                    .required = true,
                                    .example = "\"lan0\""};

inline constexpr Setting kLocalPrefixes{
    .key = "local_prefixes",
    .kind = Kind::kTexts,
    .help =
        "Further destinations that the main routing table serves, IPv4 and IPv6, for example other "
        "networks of the site. The source prefixes below are among them without being named.",
    .example = "[\"192.168.7.0/24\"]"};

inline constexpr Setting kVia{
    .key = "via",
    .help =
        "The next router towards the hosts, for a gateway that is not on their link. It then has "
        "no address in the source prefixes: it routes them to this IPv4 address, and the hosts' "
        "own router sends what leaves them here. \"main\" leaves the way back to the main routing "
        "table, for a site with a routing protocol; that of IPv6 is always left to it. DHCP "
        "reaches such hosts through relays, see there.",
    .example = "\"192.0.2.1\""};

inline constexpr std::array kAll{kInterface, kLocalPrefixes, kVia};

}  // namespace lan

namespace uplink {

inline constexpr Setting kName{.key = "name",
                               .help = "A name of your choice, for messages and for fail_open.",
                               .required = true,
                               .example = "\"isp%\""};

inline constexpr Setting kInterface{
    .key = "interface",
    .help =
        "The interface towards the provider. Its own address is your business: static, DHCP or "
        "PPP. Uplinks may share one when something tells them apart beyond it: another next_hop, "
        "or "
        "another source address because nat is not \"masquerade\".",
    .required = true,
    .example = "\"up%\""};

inline constexpr Setting kNextHop{
    .key = "next_hop",
    .kind = Kind::kAddress,
    .help =
        "The provider's router, an IPv4 address. It may lie outside every subnet of the interface. "
        "This key and source_prefix may be left out where there is a section ipv6.",
    .required = true,
    .example = "\"172.16.%.2\""};

inline constexpr Setting kIndex{
    .key = "index",
    .kind = Kind::kNumber,
    .help =
        "What hosts call this path. Indexes may have gaps. Hosts that know nothing of paths get "
        "the lowest one; in IPv6 the lowest that works.",
    .required = true,
    .example = "%",
    .low = 1,
    .high = registry::kMaxUplinks};

inline constexpr Setting kSourcePrefix{
    .key = "source_prefix",
    .kind = Kind::kPrefix,
    .help =
        "Hosts with an address of this IPv4 prefix leave through this uplink. From /8 to /29; no "
        "two uplinks may have prefixes that overlap.",
    .required = true,
    .example = "\"10.%.0.0/16\""};

inline constexpr Setting kRouter{
    .key = "router",
    .kind = Kind::kAddress,
    .help =
        "The gateway's own address in source_prefix, the hosts' router. Without this key the first "
        "address of the prefix. With via it is the address of the router on the hosts' link.",
    .example = "\"10.%.0.1\""};

inline constexpr Setting kPool{
    .key = "pool",
    .help =
        "The addresses that DHCP hands out, first and last. Without this key the source prefix "
        "without its first sixteenth and its last few addresses.",
    .example = "\"10.%.16.0-10.%.255.250\""};

inline constexpr std::array<std::string_view, 3> kNats{"masquerade", "prefix", "none"};
inline constexpr Setting kNat{
    .key = "nat",
    .kind = Kind::kChoice,
    .help =
        "How addresses of source_prefix look outside. \"masquerade\": all behind the uplink's own "
        "address. \"prefix\": one to one into external_prefix. \"none\": as they are; the gateway "
        "then keeps no state of any connection.",
    .fallback = "masquerade",
    .example = "\"prefix\"",
    .choices = kNats};

inline constexpr Setting kExternalPrefix{
    .key = "external_prefix",
    .kind = Kind::kPrefix,
    .help =
        "With nat = \"prefix\" only, and needed there: the provider's prefix, as long as "
        "source_prefix.",
    .example = "\"100.65.0.0/16\""};

inline constexpr Setting kFailOpen{
    .key = "fail_open",
    .help =
        "The name of another uplink that takes over while this one is down. That one must "
        "translate, or neither does; behind one with nat = \"prefix\" the guests share the outer "
        "address that belongs to its router. Without this key hosts get ICMP unreachable, so that "
        "MPTCP moves to another path at once. Taking over breaks the promise that an address is a "
        "provider: it helps hosts that have only TCP and only this address, others are better off "
        "without.",
    .example = "\"isp2\""};

inline constexpr std::array kAll{kName,   kInterface, kNextHop, kIndex,          kSourcePrefix,
                                 kRouter, kPool,      kNat,     kExternalPrefix, kFailOpen,
                                 kPvd,    kDns,       kIpv6,    kHealth};

}  // namespace uplink

namespace database {

inline constexpr std::array<std::string_view, 2> kTypes{"memfile", "postgresql"};
inline constexpr Setting kType{
    .key = "type",
    .kind = Kind::kChoice,
    .help =
        "\"memfile\": a file in the state directory. \"postgresql\": a database, made with "
        "kea-admin db-init pgsql.",
    .fallback = "memfile",
    .example = "\"postgresql\"",
    .choices = kTypes};

inline constexpr Setting kName{
    .key = "name",
    .help =
        "The database; needed with \"postgresql\". This and the keys below have no meaning "
        "with \"memfile\".",
    .example = "\"leases\""};

inline constexpr Setting kHost{
    .key = "host",
    .help =
        "Where its server is: a name, an address, or the folder of its socket. The packaged "
        "AppArmor profile of Kea names no socket of PostgreSQL: where AppArmor is on, write "
        "\"127.0.0.1\" or extend the profile.",
    .example = "\"db.example.net\""};

inline constexpr Setting kPort{.key = "port",
                               .kind = Kind::kNumber,
                               .help =
                                   "The server's port. Without this key PostgreSQL's own, "
                                   "5432.",
                               .example = "5432",
                               .low = 1,
                               .high = 65535};

inline constexpr Setting kUser{.key = "user", .help = "Who connects.", .example = "\"kea\""};

inline constexpr Setting kPassword{
    .key = "password",
    .help = "Their password. Keep the file readable for root only when it holds one.",
    .example = "\"secret\""};

inline constexpr std::array kAll{kType, kName, kHost, kPort, kUser, kPassword};

}  // namespace database

namespace dhcp {

inline constexpr std::array<std::string_view, 3> kModes{"kea", "external", "off"};
inline constexpr Setting kMode{
    .key = "mode",
    .kind = Kind::kChoice,
    .help =
        "Who answers the hosts. \"kea\": the gateway runs a Kea of its own. \"external\": another "
        "server, configured by what anabranch gateway kea-config prints. \"off\": nobody.",
    .fallback = "kea",
    .choices = kModes};

inline constexpr Setting kLeaseTime{.key = "lease_time",
                                    .kind = Kind::kDuration,
                                    .help = "How long an address is given for.",
                                    .fallback = "10min",
                                    .low = milliseconds(seconds(30)).count(),
                                    .high = milliseconds(std::chrono::days(365)).count()};

inline constexpr Setting kDns{.key = "dns",
                              .kind = Kind::kTexts,
                              .help = "The IPv4 addresses of the resolvers that hosts are told.",
                              .example = "[\"192.0.2.53\"]"};

inline constexpr Setting kExtRouteCode{
    .key = "ext_route_code",
    .kind = Kind::kNumber,
    .help =
        "DHCPv4 option code of EXT_ROUTE, from the site-specific range. The hosts must use the "
        "same.",
    .fallback = registry::kExtRouteCode,
    .low = registry::kFirstSiteOption,
    .high = registry::kLastSiteOption};

inline constexpr Setting kLeaseDatabase{
    .key = "lease_database",
    .kind = Kind::kTable,
    .help =
        "Where Kea keeps its leases, as Kea's own lease-database. A database serves a fleet of "
        "gateways.",
    .settings = database::kAll};

inline constexpr Setting kRelays{.key = "relays",
                                 .kind = Kind::kTexts,
                                 .help =
                                     "The addresses that DHCP relays of the hosts' link put into "
                                     "messages (giaddr). Without this "
                                     "key none, but with via every uplink's router.",
                                 .example = "[\"10.1.0.1\"]"};

inline constexpr Setting kLeasesPerMac{
    .key = "leases_per_mac",
    .kind = Kind::kNumber,
    .help =
        "Most leases of one hardware address, over all paths. A host that uses one for all its "
        "paths needs as many as it has paths. What goes beyond is taken back, and the address gets "
        "nothing new while it holds this many. 0: no limit. For the gateway's own Kea.",
    .fallback = "16",
    .low = 0,
    .high = 1000};

inline constexpr std::array kAll{kMode,   kLeaseTime,    kDns,          kExtRouteCode,
                                 kRelays, kLeasesPerMac, kLeaseDatabase};

}  // namespace dhcp

inline constexpr Setting kLan{.key = "lan",
                              .kind = Kind::kTable,
                              .help = "The network of the hosts.",
                              .required = true,
                              .settings = lan::kAll};

inline constexpr Setting kUplink{
    .key = "uplink",
    .kind = Kind::kTables,
    .help =
        "One for each provider. Hosts get an address of every source prefix, and the source "
        "address of a packet alone decides which provider carries it.",
    .required = true,
    .settings = uplink::kAll,
    .examples = 2};

inline constexpr Setting kDhcp{.key = "dhcp",
                               .kind = Kind::kTable,
                               .help = "How hosts get their addresses.",
                               .settings = dhcp::kAll,
                               .short_form = "mode"};

inline constexpr std::array kAll{kLan,   kUplink,     kDhcp,           kAdvertise,
                                 kDhcp6, kConverters, status::kMetrics};

}  // namespace anabranch::gateway::definition
