// SPDX-License-Identifier: MIT
// Every key of converter.toml, once, in the order in which the manual tells them.
#pragma once

#include <array>
#include <string_view>

#include "base/config.hpp"
#include "proxy/relay_setting_definitions.hpp"
#include "proxy/rule_settings.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::proxy::definition::converter {

using config::Kind;
using config::Setting;

namespace own {

inline constexpr Setting kListen{
    .key = "listen",
    .kind = Kind::kTexts,
    .help =
        "Addresses and ports on which clients are served, IPv4 and IPv6. Without this key all "
        "addresses of the machine, port 5124.",
    .example = "[\"0.0.0.0:5124\", \"[::]:5124\"]"};

inline constexpr Setting kWorkers{
    .key = "workers",
    .kind = Kind::kNumber,
    .help = "Threads that carry data, each with connections of its own. 0: one for each processor.",
    .fallback = "0",
    .low = 0,
    .high = 256};

inline constexpr std::array<std::string_view, 2> kUpstreams{"tcp", "mptcp"};
inline constexpr Setting kUpstream{
    .key = "upstream",
    .kind = Kind::kChoice,
    .help =
        "How servers are connected. \"mptcp\": MPTCP is offered to each, and one that does not "
        "speak it gets TCP. A client may ask for MPTCP either way (kind 30 in its Connect).",
    .fallback = "tcp",
    .choices = kUpstreams};

inline constexpr std::array kAll{kListen, kWorkers, relayed::kCongestion, kUpstream};

}  // namespace own

namespace clients {

inline constexpr Setting kAllow{
    .key = "allow",
    .kind = Kind::kTexts,
    .help =
        "Clients that are served: prefixes or addresses. All others are refused (error 32). "
        "Everybody (\"0.0.0.0/0\", \"::/0\") is possible only where a cookie is required. The "
        "sender "
        "of a SYN can be forged: name what your network filters, or require a cookie.",
    .required = true,
    .example = "[\"192.0.2.0/24\", \"2001:db8:1::/48\"]"};

inline constexpr std::array<std::string_view, 2> kCookies{"off", "required"};
inline constexpr Setting kCookie{
    .key = "cookie",
    .kind = Kind::kChoice,
    .help =
        "\"required\": a client must show that it receives at its address before anything is "
        "connected for it (Cookie, RFC 8803 section 6.2.7); its first connection takes one round "
        "trip more for that.",
    .fallback = "off",
    .choices = kCookies};

inline constexpr Setting kCookieSecretFile{
    .key = "cookie_secret_file",
    .help =
        "A file with at least 16 octets of secret, the same for converters that share an address. "
        "Without this key the secret is random and new with each start. Read again with this file; "
        "cookies of another secret are good for one more cookie_slot.",
    .example = "\"/etc/anabranch/converter.secret\""};

inline constexpr Setting kCookieSlot{
    .key = "cookie_slot",
    .kind = Kind::kDuration,
    .help = "A cookie is good for at least this long, and for twice as long at most.",
    .fallback = "1h",
    .low = 1'000,
    .high = 30LL * 24 * 3600 * 1000};

inline constexpr std::array kAll{kAllow, kCookie, kCookieSecretFile, kCookieSlot};

}  // namespace clients

namespace destinations {

inline constexpr Setting kAllow{
    .key = "allow",
    .kind = Kind::kTexts,
    .help =
        "Destinations that are connected although they are private (RFC 1918, RFC 4193), shared "
        "(RFC 6598) or link-local: prefixes or addresses. Without this key none of these, so that "
        "the converter is no way into the networks around it. Loopback and multicast addresses "
        "are never connected.",
    .example = "[\"10.20.0.0/16\"]"};

inline constexpr std::array kAll{kAllow};

}  // namespace destinations

namespace source {

inline constexpr std::array<std::string_view, 2> kModes{"sharing", "preservation"};
inline constexpr Setting kMode{
    .key = "mode",
    .kind = Kind::kChoice,
    .help =
        "Where connections to servers come from. \"sharing\": from an address of the converter. "
        "\"preservation\": from the client's own address, where the server has one of the same "
        "family; what servers answer must come by way of the converter.",
    .fallback = "sharing",
    .choices = kModes};

inline constexpr Setting kPool{
    .key = "pool",
    .kind = Kind::kTexts,
    .help =
        "Addresses of this machine that are shared by all clients, IPv4 and IPv6. A client has one "
        "of each family for all its connections. Without this key the kernel chooses.",
    .example = "[\"198.51.100.8\", \"198.51.100.9\"]"};

inline constexpr Setting kLog{
    .key = "log",
    .help =
        "A file that gets a line when a connection begins and when it ends: time, client, address "
        "and port towards the server, server. Opened anew on SIGHUP. Without this key nothing is "
        "kept of who was behind an address.",
    .example = "\"/var/log/anabranch/mappings\""};

inline constexpr std::array kAll{kMode, kPool, kLog};

}  // namespace source

namespace limits {

inline constexpr Setting kTotal{
    .key = "total",
    .kind = Kind::kNumber,
    .help =
        "Most connections of all clients. Each takes two descriptors; a lower limit of the process "
        "is said at the start. One more client is told error 64.",
    .fallback = "100000",
    .low = 1,
    .high = 10'000'000};

inline constexpr Setting kPerClient{
    .key = "per_client",
    .kind = Kind::kNumber,
    .help =
        "Most connections of one client: one IPv4 address, or one IPv6 prefix of 64 bits. One more "
        "is answered with error 64.",
    .fallback = "4096",
    .low = 1,
    .high = 10'000'000};

inline constexpr Setting kMemory{
    .key = "memory",
    .kind = Kind::kNumber,
    .help =
        "Octets that all connections may hold together: 16384 for each, and what is in their "
        "buffers, the kernel's included. Beyond it one more is told error 64. 0: no limit.",
    .fallback = "0",
    .example = "2000000000",
    .low = 0,
    .high = 1'000'000'000'000'000};

inline constexpr Setting kSetup{
    .key = "setup",
    .kind = Kind::kDuration,
    .help =
        "Most time from a client's first packet to the answer of the server. A server that is "
        "silent for so long is error 65.",
    .fallback = "20s",
    .low = 100,
    .high = 300'000};

inline constexpr Setting kErrors{
    .key = "errors_per_second",
    .kind = Kind::kNumber,
    .help =
        "Most errors that one client is told in a second; beyond it its connections are reset "
        "without a word.",
    .fallback = "100",
    .low = 1,
    .high = 1'000'000};

inline constexpr std::array kAll{kTotal,         kPerClient,           kMemory, kSetup,
                                 relayed::kIdle, relayed::kHalfClosed, kErrors};

}  // namespace limits

inline constexpr Setting kConverter{.key = "converter",
                                    .kind = Kind::kTable,
                                    .help = "The converter itself.",
                                    .settings = own::kAll};

inline constexpr Setting kClients{.key = "clients",
                                  .kind = Kind::kTable,
                                  .help = "Who may use it.",
                                  .required = true,
                                  .settings = clients::kAll};

inline constexpr Setting kDestinations{.key = "destinations",
                                       .kind = Kind::kTable,
                                       .help = "What is connected.",
                                       .settings = destinations::kAll};

inline constexpr Setting kSource{
    .key = "source", .kind = Kind::kTable, .help = "What servers see.", .settings = source::kAll};

inline constexpr Setting kLimits{
    .key = "limits", .kind = Kind::kTable, .help = "How much.", .settings = limits::kAll};

inline constexpr Setting kIncoming{
    .key = "incoming",
    .kind = Kind::kTables,
    .help = "A port, or a whole address, for connections from outside to a host behind a CPE.",
    .settings = incoming::kConverter};

inline constexpr Setting kRule{
    .key = "rule",
    .kind = Kind::kTables,
    .help =
        "What holds for some connections only. The first rule whose every condition holds decides; "
        "a list holds when one of its entries does, and a condition that is left out always holds. "
        "Connections without a rule are converted.",
    .settings = rule::kConverter};

inline constexpr std::array kAll{kConverter, kClients, kDestinations, kSource,
                                 kLimits,    kRule,    kIncoming,     status::kMetrics};

}  // namespace anabranch::proxy::definition::converter
