// SPDX-License-Identifier: MIT
// The keys of gateway.toml that are about IPv6 and provisioning domains, see
// setting_definitions.hpp.
#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "base/config.hpp"
#include "base/units.hpp"

namespace anabranch::gateway::definition {

using config::Kind;
using config::Setting;

namespace ipv6 {

inline constexpr Setting kSourcePrefix{
    .key = "source_prefix",
    .kind = Kind::kPrefix,
    .help =
        "Hosts with an address of this IPv6 prefix leave through this uplink. A /64 that the "
        "provider has assigned, or a unique local one (fc00::/7).",
    .required = true,
    .example = "\"2001:db8:%::/64\""};

inline constexpr Setting kNextHop{
    .key = "next_hop",
    .kind = Kind::kAddress,
    .help =
        "The provider's router. A link-local address (fe80::...) is one on the uplink's interface.",
    .required = true,
    .example = "\"fe80::%\""};

inline constexpr Setting kRouter{
    .key = "router",
    .kind = Kind::kAddress,
    .help =
        "The gateway's own address in source_prefix. Without this key the one that ends in ::1.",
    .example = "\"2001:db8:%::1\""};

inline constexpr std::array<std::string_view, 3> kNats{"none", "stateful", "stateless"};
inline constexpr Setting kNat{
    .key = "nat",
    .kind = Kind::kChoice,
    .help =
        "How addresses of source_prefix look outside. \"none\": as they are. \"stateful\": one to "
        "one into external_prefix, by connection tracking. \"stateless\": the same without state; "
        "what ICMPv6 errors quote is not translated, so that hosts do not understand them, and "
        "the size of TCP's segments is held to the MTU of the uplink instead.",
    .fallback = "none",
    .example = "\"stateful\"",
    .choices = kNats};

inline constexpr Setting kExternalPrefix{
    .key = "external_prefix",
    .kind = Kind::kPrefix,
    .help = "With nat = \"stateful\" or \"stateless\" only, and needed there: the provider's /64.",
    .example = "\"2001:db8:f00%::/64\""};

inline constexpr Setting kPool{
    .key = "pool",
    .help =
        "The addresses that DHCPv6 hands out, first and last. Without this key those that end in "
        "::1:0 to ::1:ffff.",
    .example = "\"2001:db8:%::1:0-2001:db8:%::1:ffff\""};

inline constexpr Setting kDelegated{
    .key = "delegated",
    .kind = Kind::kPrefix,
    .help =
        "The prefix from which DHCPv6 delegates prefixes to routers on the LAN. It leaves through "
        "this uplink as source_prefix does, and is never translated. Without this key nothing is "
        "delegated.",
    .example = "\"2001:db8:80%::/48\""};

inline constexpr Setting kDelegatedLength{.key = "delegated_length",
                                          .kind = Kind::kNumber,
                                          .help = "The length of each delegated prefix.",
                                          .fallback = "64",
                                          .low = 16,
                                          .high = 64};

inline constexpr std::array kAll{kSourcePrefix,   kNextHop, kRouter,    kNat,
                                 kExternalPrefix, kPool,    kDelegated, kDelegatedLength};

}  // namespace ipv6

namespace uplink {

inline constexpr Setting kIpv6{
    .key = "ipv6",
    .kind = Kind::kTable,
    .help =
        "What the uplink carries of IPv6; without this section nothing. next_hop and "
        "source_prefix of IPv4 may then be left out, both or neither.",
    .settings = ipv6::kAll};

inline constexpr Setting kPvd{
    .key = "pvd",
    .help =
        "The name of this path's provisioning domain (RFC 8801), a domain name that is yours. "
        "Without this key a name below home.arpa (RFC 8375) made of the index and the source "
        "prefixes, which is another one as soon as those are others.",
    .example = "\"path%.example.net\""};

inline constexpr Setting kDns{.key = "dns",
                              .kind = Kind::kTexts,
                              .help =
                                  "The IPv6 addresses of the resolvers that hosts ask over this "
                                  "path.",
                              .example = "[\"2001:db8:53::%\"]"};

}  // namespace uplink

namespace advertise {

inline constexpr Setting kEnabled{
    .key = "enabled",
    .kind = Kind::kFlag,
    .help =
        "Whether the gateway sends Router Advertisements on the LAN, one for each path. They tell "
        "hosts at once when a path comes or goes, on an IPv4-only network too. Not with via.",
    .fallback = "true"};

inline constexpr Setting kInterval{
    .key = "interval",
    .kind = Kind::kDuration,
    .help = "The longest time between two that nobody asked for (MaxRtrAdvInterval of RFC 4861).",
    .fallback = "1min",
    .low = milliseconds(seconds(4)).count(),
    .high = milliseconds(seconds(1800)).count()};

inline constexpr Setting kLifetime{
    .key = "lifetime",
    .kind = Kind::kDuration,
    .help =
        "How long hosts take the gateway for a router without hearing from it. At least interval, "
        "or \"0s\": never.",
    .fallback = "30min",
    .low = 0,
    .high = milliseconds(seconds(9000)).count()};

inline constexpr Setting kValid{
    .key = "valid",
    .kind = Kind::kDuration,
    .help = "How long hosts keep an address of a prefix that is no longer advertised.",
    .fallback = "1h",
    .low = milliseconds(seconds(30)).count(),
    .high = milliseconds(std::chrono::days(365)).count()};

inline constexpr Setting kPreferred{
    .key = "preferred",
    .kind = Kind::kDuration,
    .help =
        "How long they use it for new connections. Longer than interval, and no longer than valid.",
    .fallback = "30min",
    .low = milliseconds(seconds(5)).count(),
    .high = milliseconds(std::chrono::days(365)).count()};

inline constexpr Setting kMtu{
    .key = "mtu",
    .kind = Kind::kNumber,
    .help = "The MTU that hosts are told for IPv6. Without this key none.",
    .example = "1480",
    .low = 1280,
    .high = 65535};

inline constexpr std::array kAll{kEnabled, kInterval, kLifetime, kValid, kPreferred, kMtu};

}  // namespace advertise

namespace dhcp6 {

inline constexpr std::array<std::string_view, 3> kModes{"off", "kea", "external"};
inline constexpr Setting kMode{
    .key = "mode",
    .kind = Kind::kChoice,
    .help =
        "Who answers hosts that ask for IPv6 addresses and prefixes. \"off\": nobody, they make "
        "addresses of what is advertised. \"kea\": the gateway runs a Kea of its own for it. "
        "\"external\": another server, configured by what anabranch gateway kea-config --ipv6 "
        "prints.",
    .fallback = "off",
    .choices = kModes};

inline constexpr Setting kLeaseTime{.key = "lease_time",
                                    .kind = Kind::kDuration,
                                    .help = "How long an address or a prefix is given for.",
                                    .fallback = "10min",
                                    .low = milliseconds(seconds(30)).count(),
                                    .high = milliseconds(std::chrono::days(365)).count()};

inline constexpr std::array kAll{kMode, kLeaseTime};

}  // namespace dhcp6

inline constexpr Setting kAdvertise{.key = "advertise",
                                    .kind = Kind::kTable,
                                    .help = "Router Advertisements.",
                                    .settings = advertise::kAll};

inline constexpr Setting kDhcp6{.key = "dhcp6",
                                .kind = Kind::kTable,
                                .help = "DHCPv6, for hosts that want it.",
                                .settings = dhcp6::kAll,
                                .short_form = "mode"};

}  // namespace anabranch::gateway::definition
