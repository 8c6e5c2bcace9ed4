// SPDX-License-Identifier: MIT
// [[local]] of cpe.toml: where programs of this machine ask the CPE for connections themselves.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/endpoint.hpp"
#include "base/result.hpp"

namespace anabranch::proxy {

enum class LocalProtocol : std::uint8_t { kSocks5, kHttp };

struct LocalDoorSettings {
  Endpoint listen;
  LocalProtocol protocol = LocalProtocol::kSocks5;
  std::vector<IpPrefix> clients;
  std::filesystem::path users;  ///< a file; empty: nobody is asked for a name
  std::uint64_t total = 0;
  std::uint64_t per_client = 0;
  bool operator==(const LocalDoorSettings&) const = default;
};

namespace definition::local {

using config::Kind;
using config::Setting;

inline constexpr Setting kListen{.key = "listen",
                                 .help = "Address and port.",
                                 .required = true,
                                 .example = "\"127.0.0.1:108%\""};

inline constexpr std::array<std::string_view, 2> kProtocols{"socks5", "http"};
inline constexpr Setting kProtocol{
    .key = "protocol",
    .kind = Kind::kChoice,
    .help = "What is spoken there. \"http\": the method CONNECT, and no other.",
    .fallback = "socks5",
    .choices = kProtocols};

inline constexpr Setting kClients{
    .key = "clients",
    .kind = Kind::kTexts,
    .help =
        "Who is served: prefixes or addresses. Without this key this machine alone (127.0.0.0/8 "
        "and ::1). Everybody (\"0.0.0.0/0\", \"::/0\") is possible only where a password is asked "
        "for.",
    .example = "[\"127.0.0.0/8\", \"192.168.1.0/24\"]"};

inline constexpr Setting kUsers{
    .key = "users_file",
    .help =
        "SOCKS5 clients must give a name and a password of this file (RFC 1929): a line "
        "\"name:password\" for each. It may not be readable by everybody.",
    .example = "\"/etc/anabranch/cpe.users\""};

inline constexpr Setting kTotal{.key = "total",
                                .kind = Kind::kNumber,
                                .help = "Most connections of all clients together.",
                                .fallback = "10000",
                                .low = 1,
                                .high = 1'000'000};

inline constexpr Setting kPerClient{
    .key = "per_client",
    .kind = Kind::kNumber,
    .help = "Most connections of one client, an IPv4 address or an IPv6 prefix of 64 bits.",
    .fallback = "4000",
    .low = 1,
    .high = 1'000'000};

inline constexpr std::array kAll{kListen, kProtocol, kClients, kUsers, kTotal, kPerClient};

inline constexpr Setting kLocal{
    .key = "local",
    .kind = Kind::kTables,
    .help =
        "A proxy for programs that can be told of one: it is asked for a connection to a host, by "
        "address or name, and the connection goes to a converter like those that are taken. Names "
        "are looked up by this machine.",
    .settings = kAll};

}  // namespace definition::local

std::string_view local_protocol_name(LocalProtocol protocol);

std::vector<LocalDoorSettings> read_local(const config::Section& root);

/// Passwords by name.
using LocalUsers = std::map<std::string, std::string, std::less<>>;

/// Reads users_file; an error when everybody can read it, and for a line without a colon.
Result<LocalUsers> load_local_users(const std::filesystem::path& file);

/// Whether this is a user's password, in a time that tells nothing of it but its length.
bool password_holds(const LocalUsers& users, std::string_view user, std::string_view password);

}  // namespace anabranch::proxy
