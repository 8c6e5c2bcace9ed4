// SPDX-License-Identifier: MIT
#include "host/repairs.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace anabranch::host {
namespace {

/// So many repairs, each within a second of the one before, are no accident.
constexpr unsigned kPatience = 5;
constexpr seconds kCalm{1};
constexpr milliseconds kFirstPause{40};
constexpr seconds kLongestPause{30};

std::string route_name(const kernel::Route& route) {
  return fmt::format("route {} in table {}", route.to.length() == 0 ? "default" : route.to.text(),
                     route.table);
}

}  // namespace

std::vector<std::string> repairs(const Plan& before, const Applied& made) {
  std::vector<std::string> out;
  for (const auto& address : made.network.add.addresses)
    if (std::ranges::any_of(before.network.addresses,
                            [&](const auto& other) { return other.same(address); }))
      out.push_back("address " + address.prefix.text());
  for (const auto& route : made.network.add.routes)
    if (std::ranges::find(before.network.routes, route) != before.network.routes.end())
      out.push_back(route_name(route));
  for (const auto& rule : made.network.add.rules)
    if (std::ranges::find(before.network.rules, rule) != before.network.rules.end())
      out.push_back(rule.from ? "rule from " + rule.from->address().text()
                              : "rule to " + rule.to->address().text());
  for (const auto& endpoint : made.endpoints)
    if (std::ranges::find(before.endpoints, endpoint) != before.endpoints.end())
      out.push_back("MPTCP endpoint " + endpoint.address.text());
  if (made.subflows != 0 && made.subflows == before.subflows)
    out.push_back("MPTCP limit of subflows");
  return out;
}

bool RepairPace::repaired(MonotonicTime now) {
  const bool again = last_ != MonotonicTime::min() && now - last_ < pause_ + kCalm;
  in_a_row_ = again ? in_a_row_ + 1 : 1;
  last_ = now;
  pause_ = {};
  if (in_a_row_ > kPatience)
    pause_ = std::min<MonotonicClock::duration>(
        kLongestPause, kFirstPause * (1u << std::min(in_a_row_ - kPatience - 1, 10u)));
  return lines_.allow(now);
}

}  // namespace anabranch::host
