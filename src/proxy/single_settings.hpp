// SPDX-License-Identifier: MIT
// [single] of cpe.toml: the CPE is a device, and these of its own connections are taken.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"

namespace anabranch::proxy {

struct UserRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool operator==(const UserRange&) const = default;
};

/// Whose sockets; both empty: everybody's. One entry of either is enough.
struct SingleSettings {
  std::vector<UserRange> users;
  std::vector<std::string> cgroups;  ///< "/app.slice", below the root of cgroup2
};

namespace definition::single {

using config::Kind;
using config::Setting;

inline constexpr Setting kUids{
    .key = "uids",
    .kind = Kind::kTexts,
    .help =
        "Owners of the sockets: names of users, their numbers, or ranges of these. Names are "
        "looked up when the file is read.",
    .example = "[\"1000\", \"10000-19999\"]"};

inline constexpr Setting kCgroups{
    .key = "cgroups",
    .kind = Kind::kTexts,
    .help =
        "Cgroups of the sockets, paths below the mount of cgroup2; those below them are meant, "
        "too. Each must be there when the file is read, and is another one when it was removed "
        "and made again: name slices that stay.",
    .example = "[\"/user.slice\"]"};

inline constexpr std::array kAll{kUids, kCgroups};

inline constexpr Setting kSingle{
    .key = "single",
    .kind = Kind::kTable,
    .help =
        "This machine is a device with several uplinks, such as a smartphone, and its own "
        "connections are taken: those of the users and cgroups named here, everybody's when none "
        "is. \"--single\" stands for an empty table.",
    .settings = kAll};

}  // namespace definition::single

/// Nothing when the file has no such table.
std::optional<SingleSettings> read_single(const config::Section& root);

}  // namespace anabranch::proxy
