// SPDX-License-Identifier: MIT
// Every key of paths.toml, once: settings.cpp reads by these, the manual and the example file are
// made of them. In the order in which the manual tells them.
#pragma once

#include <array>
#include <string_view>

#include "base/config.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::paths::definition {

using config::Kind;
using config::Setting;

/// The kernel's own bound of further subflows a connection.
inline constexpr unsigned kMostSubflows = 8;

namespace interfaces {

inline constexpr Setting kAllow{
    .key = "allow",
    .kind = Kind::kTexts,
    .help =
        "Interfaces whose addresses are used, by name; '*' stands for any characters and '?' for "
        "one. Without this key all interfaces but the loopback.",
    .example = "[\"eth*\", \"wlan0\"]"};

inline constexpr Setting kDeny{
    .key = "deny",
    .kind = Kind::kTexts,
    .help = "Interfaces that are never used, also when allow names them.",
    .example = "[\"docker*\", \"veth*\"]"};

inline constexpr std::array kAll{kAllow, kDeny};

}  // namespace interfaces

namespace subflows {

inline constexpr Setting kLimit{
    .key = "limit",
    .kind = Kind::kNumber,
    .help = "Most further subflows of one connection, beside its first one.",
    .fallback = "8",
    .low = 1,
    .high = kMostSubflows};

inline constexpr Setting kBothFamilies{
    .key = "both_families",
    .kind = Kind::kFlag,
    .help =
        "Let a connection have subflows over IPv4 and IPv6 of one path that a host role has. They "
        "share the path's rate and fail together.",
    .fallback = "false"};

inline constexpr std::array kAll{kLimit, kBothFamilies};

}  // namespace subflows

namespace announce {

inline constexpr std::array<std::string_view, 3> kModes{"server", "always", "never"};
inline constexpr Setting kWhen{
    .key = "when",
    .kind = Kind::kChoice,
    .help =
        "When peers are told this machine's other addresses. \"server\": on connections that the "
        "peer opened, since who opens a connection can open its further subflows, too. "
        "\"always\": on every connection. \"never\": the peer learns none.",
    .fallback = "server",
    .choices = kModes};

inline constexpr std::array kAll{kWhen};

}  // namespace announce

namespace route {

inline constexpr Setting kPrefer{
    .key = "prefer",
    .kind = Kind::kFlag,
    .help =
        "Move new TCP connections that choose no source address to the best path that is alive, by "
        "policy rules and a table of our own.",
    .fallback = "true"};

inline constexpr std::array kAll{kPrefer};

}  // namespace route

namespace limits {

inline constexpr Setting kBpf{
    .key = "bpf",
    .kind = Kind::kFlag,
    .help =
        "Limit what slow subflows may queue while this machine sends, by a BPF program, where the "
        "kernel lets us load it.",
    .fallback = "true"};

inline constexpr Setting kCgroup{
    .key = "cgroup",
    .help =
        "The cgroup whose sockets are limited, a path below the mount of cgroup2. Without this key "
        "its root: every process of the machine.",
    .example = "\"/system.slice\""};

inline constexpr std::array kAll{kBpf, kCgroup};

}  // namespace limits

namespace probe {

// In milliseconds. Below 20 ms probes would be a load, beyond a minute nobody waits for a path.
inline constexpr std::int64_t kShortest = 20;
inline constexpr std::int64_t kLongest = 60'000;

inline constexpr Setting kInterval{
    .key = "interval",
    .kind = Kind::kDuration,
    .help = "How long after a path has failed it is asked again whether it is alive.",
    .fallback = "200ms",
    .low = kShortest,
    .high = kLongest};

inline constexpr Setting kIntervalLimit{
    .key = "interval_limit",
    .kind = Kind::kDuration,
    .help = "What that interval grows to while nothing answers.",
    .fallback = "500ms",
    .low = kShortest,
    .high = kLongest};

inline constexpr std::array kAll{kInterval, kIntervalLimit};

}  // namespace probe

namespace rule {

inline constexpr Setting kName{
    .key = "name",
    .help = "A name of your choice, which \"show\" and \"explain\" tell.",
    .required = true,
    .example = "\"rule%\""};

inline constexpr Setting kTo{
    .key = "to",
    .kind = Kind::kTexts,
    .help = "Destinations: prefixes or addresses of the peer, IPv4 and IPv6.",
    .example = "[\"198.51.100.0/24\", \"2001:db8::/32\"]"};

inline constexpr Setting kPorts{.key = "ports",
                                .kind = Kind::kTexts,
                                .help = "The peer's ports, each one port or a range.",
                                .example = "[\"443\", \"8000-8999\"]"};

inline constexpr Setting kUids{
    .key = "uids",
    .kind = Kind::kTexts,
    .help =
        "Owners of the socket: names of users, or their numbers. Names are looked up when the file "
        "is read.",
    .example = "[\"root\", \"1000\"]"};

inline constexpr Setting kCgroups{
    .key = "cgroups",
    .kind = Kind::kTexts,
    .help =
        "Cgroups of the socket, paths below the mount of cgroup2; those below them are meant, "
        "too.",
    .example = "[\"/system.slice/nginx.service\"]"};

inline constexpr Setting kInterfaces{
    .key = "interfaces",
    .kind = Kind::kTexts,
    .help = "Interfaces that the subflow would leave by, with '*' and '?'.",
    .example = "[\"wwan*\"]"};

inline constexpr Setting kDeny{
    .key = "deny", .kind = Kind::kFlag, .help = "Open no subflow there.", .fallback = "false"};

inline constexpr Setting kBackup{
    .key = "backup",
    .kind = Kind::kFlag,
    .help =
        "true: subflows there are backups always. false: they never are. Without this key what is "
        "measured decides.",
    .example = "true"};

inline constexpr Setting kSubflows{
    .key = "subflows",
    .kind = Kind::kNumber,
    .help =
        "Most further subflows of a connection that matches, in place of [subflows] limit. 0: only "
        "its first.",
    .example = "2",
    .low = 0,
    .high = kMostSubflows};

inline constexpr std::array kAll{kName,       kTo,   kPorts,  kUids,    kCgroups,
                                 kInterfaces, kDeny, kBackup, kSubflows};

}  // namespace rule

inline constexpr Setting kInterfaces{.key = "interfaces",
                                     .kind = Kind::kTable,
                                     .help = "Which interfaces are paths.",
                                     .settings = interfaces::kAll};

inline constexpr Setting kSubflows{.key = "subflows",
                                   .kind = Kind::kTable,
                                   .help = "How many subflows.",
                                   .settings = subflows::kAll};

inline constexpr Setting kAnnounce{.key = "announce",
                                   .kind = Kind::kTable,
                                   .help = "What peers are told of this machine's addresses.",
                                   .settings = announce::kAll};

inline constexpr Setting kRoute{.key = "route",
                                .kind = Kind::kTable,
                                .help = "The path of a connection's first subflow.",
                                .settings = route::kAll};

inline constexpr Setting kLimits{.key = "limits",
                                 .kind = Kind::kTable,
                                 .help = "What keeps a slow path from holding up a fast one.",
                                 .settings = limits::kAll};

inline constexpr Setting kProbe{.key = "probe",
                                .kind = Kind::kTable,
                                .help = "How paths that have failed are asked for a sign of life.",
                                .settings = probe::kAll};

inline constexpr Setting kRule{
    .key = "rule",
    .kind = Kind::kTables,
    .help =
        "What holds for some subflows only. The first rule whose every condition holds for a "
        "subflow decides; a list holds when one of its entries does, and a condition that is left "
        "out always holds.",
    .settings = rule::kAll};

inline constexpr std::array kAll{kInterfaces, kSubflows, kAnnounce, kRoute,
                                 kLimits,     kProbe,    kRule,     status::kMetrics};

}  // namespace anabranch::paths::definition
