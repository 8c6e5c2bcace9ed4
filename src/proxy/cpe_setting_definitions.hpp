// SPDX-License-Identifier: MIT
// Every key of cpe.toml, once, in the order in which the manual tells them.
#pragma once

#include <array>
#include <string_view>

#include "base/config.hpp"
#include "proxy/local_settings.hpp"
#include "proxy/rule_settings.hpp"
#include "proxy/single_settings.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::proxy::definition::cpe {

using config::Kind;
using config::Setting;

namespace own {

inline constexpr Setting kLan{
    .key = "lan",
    .kind = Kind::kTexts,
    .help =
        "Interfaces behind which the hosts are whose TCP connections are taken. Needed unless "
        "connections of this machine are taken ('single') or asked for ('local').",
    .example = "[\"lan0\"]"};

inline constexpr Setting kWorkers{.key = "workers",
                                  .kind = Kind::kNumber,
                                  .help = "Threads that carry data. 0: one for each processor.",
                                  .fallback = "1",
                                  .low = 0,
                                  .high = 256};

inline constexpr Setting kCongestion{
    .key = "congestion",
    .help =
        "Congestion control of all connections, towards hosts and towards converters. "
        "net.ipv4.tcp_available_congestion_control names what the kernel has.",
    .fallback = "cubic"};

inline constexpr Setting kSynData{
    .key = "syn_data",
    .kind = Kind::kFlag,
    .help =
        "Put the destination into the SYN to the converter, so that it costs no round trip. false: "
        "it follows the handshake.",
    .fallback = "true"};

inline constexpr Setting kBypass{
    .key = "bypass",
    .kind = Kind::kFlag,
    .help =
        "Ask the converter to offer MPTCP to servers, and connect to those that speak it without "
        "the converter from then on, by MPTCP (RFC 8803 section 7.5). They see an address of this "
        "machine in place of the converter's. Forgotten after an hour.",
    .fallback = "false"};

inline constexpr Setting kUnreachable{
    .key = "unreachable_after",
    .kind = Kind::kDuration,
    .help =
        "A converter that does not answer a SYN within this time is unreachable: the connection "
        "goes to its destination directly, and so do further ones.",
    .fallback = "1s",
    .low = 50,
    .high = 60'000};

inline constexpr Setting kRetry{
    .key = "retry",
    .kind = Kind::kDuration,
    .help = "An unreachable converter is tried again after this time, with one connection.",
    .fallback = "10s",
    .low = 100,
    .high = 3'600'000};

inline constexpr Setting kSetup{
    .key = "setup",
    .kind = Kind::kDuration,
    .help = "Most time until the converter has said what became of a connection.",
    .fallback = "30s",
    .low = 100,
    .high = 300'000};

inline constexpr Setting kRefusedDirect{
    .key = "refused_direct",
    .kind = Kind::kDuration,
    .help =
        "Connections to a destination that has refused one are left alone for this time, so that "
        "hosts learn of the refusal themselves and turn to another address at once.",
    .fallback = "1min",
    .low = 1'000,
    .high = 3'600'000};

inline constexpr Setting kIdle{
    .key = "idle",
    .kind = Kind::kDuration,
    .help = "A connection without an octet either way for so long is reset.",
    .fallback = "2h",
    .low = 1'000,
    .high = 30LL * 24 * 3600 * 1000};

inline constexpr Setting kHalfClosed{.key = "half_closed",
                                     .kind = Kind::kDuration,
                                     .help = "The same once one side has closed.",
                                     .fallback = "5min",
                                     .low = 1'000,
                                     .high = 30LL * 24 * 3600 * 1000};

inline constexpr std::array kAll{kLan,           kWorkers,     kCongestion, kSynData,
                                 kBypass,        kUnreachable, kRetry,      kSetup,
                                 kRefusedDirect, kIdle,        kHalfClosed};

}  // namespace own

namespace converter {

inline constexpr Setting kName{.key = "name",
                               .help = "A name of your choice, which \"show\" tells.",
                               .required = true,
                               .example = "\"converter%\""};

inline constexpr Setting kAddress{.key = "address",
                                  .kind = Kind::kAddress,
                                  .help = "Its address, IPv4 or IPv6.",
                                  .required = true,
                                  .example = "\"192.0.2.%\""};

inline constexpr Setting kPort{.key = "port",
                               .kind = Kind::kNumber,
                               .help = "Its port.",
                               .fallback = "5124",
                               .low = 1,
                               .high = 65535};

inline constexpr Setting kWeight{
    .key = "weight",
    .kind = Kind::kNumber,
    .help =
        "Its share of the connections, by comparison with the weights of the others. 0: it is used "
        "only while none of the others can be reached.",
    .fallback = "1",
    .low = 0,
    .high = 100};

inline constexpr std::array kAll{kName, kAddress, kPort, kWeight};

}  // namespace converter

inline constexpr Setting kCpe{.key = "cpe",
                              .kind = Kind::kTable,
                              .help = "The CPE itself.",
                              .required = true,
                              .settings = own::kAll};

inline constexpr Setting kConverter{
    .key = "converter",
    .kind = Kind::kTables,
    .help =
        "A Transport Converter of the operator. Of several, each connection goes to one, by their "
        "weights; one that cannot be reached is left out until it can.",
    .required = true,
    .settings = converter::kAll};

inline constexpr Setting kIncoming{
    .key = "incoming",
    .kind = Kind::kTables,
    .help =
        "Connections from outside to a LAN host, which a converter brings. Read at the start only.",
    .settings = incoming::kCpe};

inline constexpr Setting kRule{
    .key = "rule",
    .kind = Kind::kTables,
    .help =
        "What holds for some connections only. The first rule whose every condition holds decides; "
        "a list holds when one of its entries does, and a condition that is left out always holds. "
        "Connections without a rule are converted, but to private, shared and link-local addresses "
        "they are direct.",
    .settings = rule::kCpe};

inline constexpr std::array kAll{kCpe,          kConverter,      kRule, kIncoming, single::kSingle,
                                 local::kLocal, status::kMetrics};

}  // namespace anabranch::proxy::definition::cpe
