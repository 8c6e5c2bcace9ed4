// SPDX-License-Identifier: MIT
// [[rule]] of cpe.toml and converter.toml: the first rule whose every condition holds for a new
// connection decides what becomes of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/endpoint.hpp"
#include "policy/rules.hpp"

namespace anabranch::proxy {

enum class RuleAction : std::uint8_t {
  kConvert,  ///< by MPTCP through the pair
  kDirect,   ///< left alone; only at the CPE
  kReject,   ///< reset
};

struct ProxyRule {
  std::string name;
  RuleAction action{};
  std::vector<IpPrefix> from;   ///< empty: anybody
  policy::Match match;          ///< of the destination
  bool proxy_protocol = false;  ///< to the server; only at the converter

  bool holds(const IpAddress& source, const policy::Flow& flow) const;
};

/// [[incoming]]: where connections from outside come to, and where they go. A port of both is 0 for
/// a whole address, each of whose ports leads to the same port of the other.
struct IncomingPort {
  std::string name;
  Endpoint listen;
  Endpoint to;

  bool whole_address() const { return listen.port == 0; }
  bool operator==(const IncomingPort&) const = default;
};

/// "192.0.2.1:443", of a whole address "192.0.2.1".
std::string incoming_text(const Endpoint& endpoint);

namespace definition::rule {

using config::Kind;
using config::Setting;

inline constexpr Setting kName{.key = "name",
                               .help = "A name of your choice, which \"show\" tells.",
                               .required = true,
                               .example = "\"rule%\""};

inline constexpr std::array<std::string_view, 3> kCpeActions{"convert", "direct", "reject"};
inline constexpr Setting kCpeAction{
    .key = "action",
    .kind = Kind::kChoice,
    .help =
        "What becomes of a new connection. \"convert\": it goes to a converter over MPTCP, also "
        "when its destination is a private address. \"direct\": it is left alone. \"reject\": it "
        "is answered with a reset.",
    .required = true,
    .example = "\"direct\"",
    .choices = kCpeActions};

inline constexpr std::array<std::string_view, 2> kConverterActions{"convert", "reject"};
inline constexpr Setting kConverterAction{
    .key = "action",
    .kind = Kind::kChoice,
    .help =
        "\"convert\": the destination is connected. \"reject\": the client is told that it is not "
        "authorized (error 32), and connects by itself if it can.",
    .required = true,
    .example = "\"reject\"",
    .choices = kConverterActions};

inline constexpr Setting kFrom{.key = "from",
                               .kind = Kind::kTexts,
                               .help = "Who connects: prefixes or addresses, IPv4 and IPv6.",
                               .example = "[\"192.168.1.0/24\"]"};

inline constexpr Setting kTo{.key = "to",
                             .kind = Kind::kTexts,
                             .help = "Destinations: prefixes or addresses, IPv4 and IPv6.",
                             .example = "[\"198.51.100.0/24\", \"2001:db8::/32\"]"};

inline constexpr Setting kPorts{.key = "ports",
                                .kind = Kind::kTexts,
                                .help = "Ports of the destination, each one port or a range.",
                                .example = "[\"22\", \"5000-5999\"]"};

inline constexpr Setting kProxyProtocol{.key = "proxy_protocol",
                                        .kind = Kind::kFlag,
                                        .help =
                                            "Tell the server first who the client is, by the PROXY "
                                            "protocol version 2. For servers that "
                                            "expect it only.",
                                        .fallback = "false"};

inline constexpr std::array kCpe{kName, kCpeAction, kFrom, kTo, kPorts};
inline constexpr std::array kConverter{kName, kConverterAction, kFrom, kTo, kPorts, kProxyProtocol};

}  // namespace definition::rule

namespace definition::incoming {

using config::Kind;
using config::Setting;

inline constexpr Setting kName{.key = "name",
                               .help = "A name of your choice, which \"show\" tells.",
                               .required = true,
                               .example = "\"port%\""};

inline constexpr Setting kConverterListen{
    .key = "listen",
    .help =
        "Address and port of the converter that remote hosts connect to. An address alone is a "
        "whole address: all its TCP ports but those that the converter itself listens on.",
    .required = true,
    .example = "\"198.51.100.9:844%\""};

inline constexpr Setting kClient{.key = "client",
                                 .help =
                                     "The CPE: address and port of its [[incoming]], or an "
                                     "address alone for a whole address.",
                                 .required = true,
                                 .example = "\"192.0.2.7:844%\""};

inline constexpr Setting kCpeListen{
    .key = "listen",
    .help =
        "Address and port of this machine that converters connect to. Only the addresses of "
        "[[converter]] are served. An address alone is a whole address: converters reach nothing "
        "else there.",
    .required = true,
    .example = "\"192.0.2.7:844%\""};

inline constexpr Setting kHost{
    .key = "host",
    .help =
        "The LAN host: address and port, or an address alone for a whole address. It sees the "
        "remote host's address.",
    .required = true,
    .example = "\"192.168.1.20:443\""};

inline constexpr std::array kConverter{kName, kConverterListen, kClient};
inline constexpr std::array kCpe{kName, kCpeListen, kHost};

}  // namespace definition::incoming

/// `incoming`: the definition of the section; `listen` and `to`: those of its keys.
std::vector<IncomingPort> read_incoming(const config::Section& root,
                                        const config::Setting& incoming,
                                        const config::Setting& listen, const config::Setting& to);

/// A list of prefixes, each written with its host bits clear; complains of the others.
std::vector<IpPrefix> read_prefixes(const config::Section& section, const config::Setting& setting);

/// `rule`: the definition of the section; `action`: that of its key.
std::vector<ProxyRule> read_rules(const config::Section& root, const config::Setting& rule,
                                  const config::Setting& action);

std::string_view action_name(RuleAction action);

}  // namespace anabranch::proxy
