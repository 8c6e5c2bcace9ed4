// SPDX-License-Identifier: MIT
#include "policy/rules.hpp"

#include <algorithm>

namespace anabranch::policy {
namespace {

/// `path` is `cgroup` or below it; "/" holds everything, and a '/' at the end means nothing.
bool is_within(std::string_view path, std::string_view cgroup) {
  while (cgroup.ends_with('/')) cgroup.remove_suffix(1);
  return path.starts_with(cgroup) && (path.size() == cgroup.size() || path[cgroup.size()] == '/');
}

template <class List, class Predicate>
bool empty_or_any(const List& list, Predicate predicate) {
  return list.empty() || std::ranges::any_of(list, predicate);
}

}  // namespace

bool Match::matches(const Flow& flow) const {
  return empty_or_any(destinations,
                      [&](const auto& prefix) { return prefix.contains(flow.destination); }) &&
         empty_or_any(ports,
                      [&](const auto& range) {
                        return flow.port >= range.first && flow.port <= range.last;
                      }) &&
         empty_or_any(uids, [&](std::uint32_t uid) { return flow.uid == uid; }) &&
         empty_or_any(cgroups,
                      [&](const auto& cgroup) {
                        return !flow.cgroup.empty() && is_within(flow.cgroup, cgroup);
                      }) &&
         empty_or_any(interfaces, [&](const auto& pattern) {
           return !flow.interface.empty() && name_matches(pattern, flow.interface);
         });
}

// A '*' first takes nothing. When what follows it does not fit, only the last '*' takes one more
// character: what earlier ones took need never be looked at again, so that time is bounded by the
// product of both lengths.
bool name_matches(std::string_view pattern, std::string_view name) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t at = 0;
  std::size_t star = kNone;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < name.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      taken = i;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == name[i])) {
      ++at;
      ++i;
    } else if (star != kNone) {
      at = star + 1;
      i = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == kNone;
}

}  // namespace anabranch::policy
