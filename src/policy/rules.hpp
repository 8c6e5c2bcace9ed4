// SPDX-License-Identifier: MIT
// Rules of a configuration file matched against a flow; the first that matches wins. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"

namespace anabranch::policy {

/// What is known of a flow. What is not known matches only rules that do not ask for it.
struct Flow {
  IpAddress destination;
  std::uint16_t port = 0;  ///< of the destination
  std::optional<std::uint32_t> uid = std::nullopt;
  std::string cgroup = {};     ///< path below the cgroup root, "/system.slice/nginx.service"
  std::string interface = {};  ///< it would leave by
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

/// Empty lists match everything; within a list one entry is enough; all lists must match.
struct Match {
  std::vector<IpPrefix> destinations = {};
  std::vector<PortRange> ports = {};
  std::vector<std::uint32_t> uids = {};
  std::vector<std::string> cgroups = {};     ///< a path matches itself and all below it
  std::vector<std::string> interfaces = {};  ///< names, '*' and '?' as in the shell
  bool matches(const Flow& flow) const;
};

/// "wwan*" against "wwan0".
bool name_matches(std::string_view pattern, std::string_view name);

/// The first rule whose `match` holds; null when none does.
template <class Rule>
const Rule* first_match(const std::vector<Rule>& rules, const Flow& flow) {
  const auto found =
      std::ranges::find_if(rules, [&](const Rule& rule) { return rule.match.matches(flow); });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace anabranch::policy
