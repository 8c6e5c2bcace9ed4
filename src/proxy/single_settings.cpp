// SPDX-License-Identifier: MIT
#include "proxy/single_settings.hpp"

#include <string_view>

#include "base/users.hpp"

namespace anabranch::proxy {
namespace {

using config::Section;
namespace key = definition::single;

/// A name may have a dash in it: what is no range of numbers is a name.
std::optional<UserRange> parse_users(const std::string& text) {
  if (const auto user = parse_user(text)) return UserRange{*user, *user};
  const auto dash = text.find('-');
  if (dash == text.npos || text.find_first_not_of("0123456789-") != text.npos) return std::nullopt;
  const auto first = parse_user(text.substr(0, dash));
  const auto last = parse_user(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return UserRange{*first, *last};
}

/// The path becomes a word of an nft rule.
bool is_cgroup(std::string_view path) {
  return path.size() > 1 && path.starts_with('/') && !path.ends_with('/') &&
         path.find("//") == path.npos && path.find("/.") == path.npos &&
         path.find_first_of("\"\\\n") == path.npos && path.find('\0') == path.npos;
}

}  // namespace

std::optional<SingleSettings> read_single(const Section& root) {
  if (!root.has(key::kSingle)) return std::nullopt;
  const Section section = root.section(key::kSingle);
  SingleSettings out;
  for (const auto& text : section.texts(key::kUids)) {
    if (const auto users = parse_users(text))
      out.users.push_back(*users);
    else
      section.complain(key::kUids, "there is no user '" + text + "'",
                       "the name of a user of this machine, a number, or a range of numbers");
  }
  out.cgroups = section.texts(key::kCgroups);
  for (const auto& path : out.cgroups)
    if (!is_cgroup(path))
      section.complain(key::kCgroups, "'" + path + "' is not the path of a cgroup",
                       "below the mount of cgroup2, like \"/user.slice\"");
  return out;
}

}  // namespace anabranch::proxy
