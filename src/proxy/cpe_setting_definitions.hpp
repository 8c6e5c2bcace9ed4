// SPDX-License-Identifier: MIT
// Every key of cpe.toml, once, in the order in which the manual tells them.
#pragma once

#include <array>
#include <string_view>

#include "base/config.hpp"
#include "proxy/local_settings.hpp"
#include "proxy/relay_setting_definitions.hpp"
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

inline constexpr Setting kSynData{
    .key = "syn_data",
    .kind = Kind::kFlag,
    .help =
        "Put the destination into the SYN to the converter, so that it costs no round trip. false: "
        "it follows the handshake.",
    .fallback = "true"};

inline constexpr Setting kDuplicateSyn{
    .key = "duplicate_syn",
    .kind = Kind::kTexts,
    .help =
        "Interfaces of two uplinks: the SYN to the converter goes over both, each from an address "
        "of its own, and the first answer is used. The destination follows that answer, one round "
        "trip later than in a SYN. Without this key, or while one of them has no address or no "
        "carrier, the SYN goes where the routes lead.",
    .example = "[\"wan0\", \"wan1\"]"};

inline constexpr Setting kBypass{
    .key = "bypass",
    .kind = Kind::kFlag,
    .help =
        "Ask the converter to offer MPTCP to servers, and connect to those that speak it without "
        "the converter from then on, by MPTCP (RFC 8803 section 7.5). They see an address of this "
        "machine in place of the converter's. Forgotten after an hour.",
    .fallback = "false"};

inline constexpr Setting kConvertersFromDhcp{
    .key = "converters_from_dhcp",
    .kind = Kind::kFlag,
    .help =
        "Also use the converters that DHCP has told host roles (anabranch-host) on this machine "
        "of, from the moment they say so. They are tried in the order in which the network names "
        "them, and only while none that this file names can be reached. It need not name any "
        "then.",
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

inline constexpr std::array kAll{kLan,
                                 kWorkers,
                                 relayed::kCongestion,
                                 kSynData,
                                 kDuplicateSyn,
                                 kBypass,
                                 kConvertersFromDhcp,
                                 kUnreachable,
                                 kRetry,
                                 kSetup,
                                 kRefusedDirect,
                                 relayed::kIdle,
                                 relayed::kHalfClosed};

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

namespace limits {

inline constexpr Setting kTotal{
    .key = "total",
    .kind = Kind::kNumber,
    .help = "Most connections of all hosts. Each takes two descriptors.",
    .fallback = "100000",
    .low = 1,
    .high = 10'000'000};

inline constexpr Setting kPerClient{
    .key = "per_client",
    .kind = Kind::kNumber,
    .help = "Most connections of one host: one IPv4 address, or one IPv6 prefix of 64 bits.",
    .fallback = "4096",
    .low = 1,
    .high = 10'000'000};

inline constexpr Setting kMemory{
    .key = "memory",
    .kind = Kind::kNumber,
    .help =
        "Octets that all connections may hold together: 16384 for each, and what is in their "
        "buffers, the kernel's included. 0: no limit.",
    .fallback = "0",
    .example = "200000000",
    .low = 0,
    .high = 1'000'000'000'000'000};

inline constexpr std::array<std::string_view, 2> kBeyonds{"direct", "reset"};
inline constexpr Setting kBeyond{
    .key = "beyond",
    .kind = Kind::kChoice,
    .help =
        "What becomes of a connection beyond a limit. \"direct\": its host is left alone for 10 "
        "seconds, and those of its connections that had been taken by then go direct through the "
        "CPE, up to an eighth beyond the limit (of memory as much again); more are reset. "
        "\"reset\": it is reset.",
    .fallback = "direct",
    .choices = kBeyonds};

inline constexpr std::array kAll{kTotal, kPerClient, kMemory, kBeyond};

}  // namespace limits

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

inline constexpr Setting kLimits{
    .key = "limits", .kind = Kind::kTable, .help = "How much.", .settings = limits::kAll};

inline constexpr Setting kIncoming{
    .key = "incoming",
    .kind = Kind::kTables,
    .help = "Connections from outside to a LAN host, which a converter brings.",
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

inline constexpr std::array kAll{kCpe,      kConverter,      kLimits,       kRule,
                                 kIncoming, single::kSingle, local::kLocal, status::kMetrics};

}  // namespace anabranch::proxy::definition::cpe
