// SPDX-License-Identifier: MIT
// Every key of balancer.toml, once, in the order in which the manual tells them.
#pragma once

#include <array>
#include <string_view>

#include "balancer/setting_definitions_health.hpp"
#include "base/config.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::balancer::definition {

using config::Kind;
using config::Setting;

namespace own {

inline constexpr Setting kInterface{
    .key = "interface",
    .help = "Where clients' packets come in. Read at the start only.",
    .required = true,
    .example = "\"eth0\""};

inline constexpr std::array<std::string_view, 3> kHooks{"tc", "xdp", "xdp-generic"};
inline constexpr Setting kHook{
    .key = "hook",
    .kind = Kind::kChoice,
    .help =
        "Where in the kernel packets are steered. \"tc\": works with every driver, and with "
        "packets "
        "that are many segments at once. \"xdp\": in the driver, before the kernel has made "
        "anything of a frame; the fastest, where the driver has it. \"xdp-generic\": the same "
        "program without the driver's help. Read at the start only.",
    .fallback = "tc",
    .choices = kHooks};

inline constexpr Setting kPins{
    .key = "pins",
    .help =
        "Directory for what outlives this process in the kernel; on a BPF file system. Read at the "
        "start only.",
    .fallback = "/sys/fs/bpf/anabranch/balancer"};

inline constexpr Setting kConnections{
    .key = "connections",
    .kind = Kind::kNumber,
    .help =
        "How many connections are remembered; beyond it those are forgotten that have been silent "
        "longest, and go where the ring leads them. 104 octets of memory each. Read at the start "
        "only.",
    .fallback = "1000000",
    .low = 1'000,
    .high = 100'000'000};

inline constexpr Setting kTokens{
    .key = "tokens",
    .kind = Kind::kNumber,
    .help =
        "How many tokens of connections are remembered, for services with the cure \"token\"; "
        "beyond it those are forgotten that have not been asked for longest, and further subflows "
        "of their connections are lost. 80 octets of memory each. Read at the start only.",
    .fallback = "1048576",
    .low = 1'000,
    .high = 100'000'000};

inline constexpr Setting kInserts{
    .key = "inserts_per_second",
    .kind = Kind::kNumber,
    .help =
        "Most connections and tokens that one processor puts into that memory in a second, so "
        "that a flood does not wash out those that are alive.",
    .fallback = "100000",
    .low = 0,
    .high = 100'000'000};

inline constexpr Setting kFirstJoinPort{
    .key = "first_join_port",
    .kind = Kind::kNumber,
    .help =
        "Further subflows to a service's address come to this port plus the id of the server that "
        "has the connection.",
    .fallback = "1024",
    .low = 1,
    .high = 61'439};

inline constexpr Setting kSources{
    .key = "encapsulation_sources",
    .kind = Kind::kTexts,
    .help =
        "Addresses of this balancer, one of each IP family, from which packets are sent to servers "
        "with forward = \"encapsulate\".",
    .example = "[\"192.0.2.10\", \"2001:db8:2::10\"]"};

inline constexpr Setting kSlowStart{
    .key = "slow_start",
    .kind = Kind::kDuration,
    .help =
        "A server that comes while others serve (added, up again, no longer drained) begins with a "
        "tenth of its weight, which grows to the whole in this time. 0s: it has all at once.",
    .fallback = "0s",
    .low = 0,
    .high = milliseconds(std::chrono::hours(1)).count()};

inline constexpr std::array kAll{kInterface, kHook,          kPins,    kConnections, kTokens,
                                 kInserts,   kFirstJoinPort, kSources, kSlowStart};

}  // namespace own

namespace vip {

inline constexpr Setting kAddress{.key = "address",
                                  .help = "Address and TCP port that clients connect to.",
                                  .required = true,
                                  .example = "\"198.51.100.10:44%\""};

inline constexpr Setting kCures{
    .key = "cures",
    .kind = Kind::kTexts,
    .help =
        "How further subflows of MPTCP find the server of their connection. \"port\": they go to a "
        "port of this address that names it. \"address\": they go to an address of the server's "
        "own; for both, servers must say so to clients: with the C flag and by ADD_ADDR. "
        "\"token\": they come to the service itself and name their connection, whose token the "
        "balancer remembers. Several may be named. An empty list: they are spread like "
        "connections, and most meet a server that does not "
        "know them. Without this key: \"port\".",
    .example = "[\"port\"]"};

inline constexpr Setting kServers{
    .key = "servers",
    .kind = Kind::kTexts,
    .help = "Names of the servers it is spread over; without this key all of them.",
    .example = "[\"server1\", \"server2\"]"};

inline constexpr Setting kHealth{.key = "health",
                                 .kind = Kind::kTable,
                                 .help = "What of [health] is otherwise for this service.",
                                 .settings = health::kAll};

inline constexpr std::array kAll{kAddress, kCures, kServers, kHealth};

}  // namespace vip

namespace server {

inline constexpr Setting kName{
    .key = "name", .help = "A name of your choice.", .required = true, .example = "\"server%\""};

inline constexpr Setting kId{.key = "id",
                             .kind = Kind::kNumber,
                             .help =
                                 "Its number, which is in join ports and decides its places on the "
                                 "ring: give a new server a "
                                 "new one.",
                             .required = true,
                             .example = "%",
                             .low = 1,
                             .high = 4'095};

inline constexpr Setting kAddresses{
    .key = "addresses",
    .kind = Kind::kTexts,
    .help =
        "Where packets are sent to reach it: an address of each IP family that its services have.",
    .required = true,
    .example = "[\"192.0.2.2%\", \"2001:db8:2::2%\"]"};

inline constexpr Setting kWeight{
    .key = "weight",
    .kind = Kind::kNumber,
    .help =
        "Its share of new connections, by comparison with the weights of the others. 0: it gets no "
        "new ones and keeps those it has.",
    .fallback = "1",
    .low = 0,
    .high = 1'000};

inline constexpr std::array<std::string_view, 2> kForwards{"ethernet", "encapsulate"};
inline constexpr Setting kForward{
    .key = "forward",
    .kind = Kind::kChoice,
    .help =
        "\"ethernet\": on the same network as the balancer, packets come unchanged in frames to "
        "it. "
        "\"encapsulate\": anywhere, packets come inside of others of the same IP family, which it "
        "must unwrap; the networks between must carry 20 or 40 octets more. Either way it has the "
        "services' addresses, does not answer for them on the network, and answers clients "
        "directly.",
    .fallback = "ethernet",
    .choices = kForwards};

inline constexpr Setting kJoinAddresses{
    .key = "join_addresses",
    .kind = Kind::kTexts,
    .help =
        "Addresses of its own for further subflows which the network brings to this balancer; "
        "those "
        "that it brings to the server itself need not be named.",
    .example = "[\"198.51.100.2%\"]"};

inline constexpr std::array kAll{kName, kId, kAddresses, kWeight, kForward, kJoinAddresses};

}  // namespace server

namespace control {

inline constexpr Setting kListen{
    .key = "listen",
    .kind = Kind::kTexts,
    .help =
        "Where the balancers listen: an address with a port of each. A balancer listens on those "
        "that are its own, a server connects to all of them.",
    .required = true,
    .example = "[\"192.0.2.1:7443\"]"};

inline constexpr Setting kKeyFile{
    .key = "key_file",
    .help =
        "File with the key that all of them share, 32 octets or more, which nobody else may read: "
        "(umask 077; head -c 32 /dev/urandom | base64 > /etc/anabranch/balancer.key).",
    .fallback = "/etc/anabranch/balancer.key"};

inline constexpr std::array kAll{kListen, kKeyFile};

}  // namespace control

inline constexpr Setting kBalancer{.key = "balancer",
                                   .kind = Kind::kTable,
                                   .help = "The balancer itself.",
                                   .required = true,
                                   .settings = own::kAll};

inline constexpr Setting kHealth{
    .key = "health",
    .kind = Kind::kTable,
    .help =
        "How servers are checked, each for every service that it has. One that is down gets no new "
        "connections and keeps those that it has. When all servers of a service are down, all get "
        "connections. Without this section, and without one of the service, nothing is checked.",
    .settings = health::kAll};

inline constexpr Setting kVip{.key = "vip",
                              .kind = Kind::kTables,
                              .help = "A service that clients connect to.",
                              .required = true,
                              .settings = vip::kAll};

inline constexpr Setting kServer{.key = "server",
                                 .kind = Kind::kTables,
                                 .help = "A server.",
                                 .required = true,
                                 .settings = server::kAll,
                                 .examples = 2};

inline constexpr Setting kControl{
    .key = "control",
    .kind = Kind::kTable,
    .help =
        "The channel by which servers tell balancers of their connections, and balancers tell "
        "servers who had a connection before. Without this section there is none, and everything "
        "else works. Read at the start only.",
    .settings = control::kAll};

inline constexpr std::array kAll{kBalancer, kHealth, kVip, kServer, kControl, status::kMetrics};

}  // namespace anabranch::balancer::definition
