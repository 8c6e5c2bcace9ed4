// SPDX-License-Identifier: MIT
#include "paths/kernel_fallback.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/registry.hpp"

namespace anabranch::paths {
namespace {

using kernel::MptcpEndpoint;
using kernel::MptcpLimits;

constexpr std::string_view kHeading = "anabranch-paths-fallback 1";

std::filesystem::path state_path() {
  return runtime_directory() / "paths-fallback.state";
}

FallbackState load_state() {
  const auto content = read_file(state_path());
  if (!content) return {};
  auto parsed = parse_fallback(*content);
  if (parsed) return *std::move(parsed);
  log::warning("{}: {}; endpoints of an earlier run stay", state_path().string(),
               parsed.error().what);
  return {};
}

Result<void> save_state(const FallbackState& state) {
  return replace_file(state_path(), format_fallback(state));
}

/// What a `host` role has made, or is about to make an endpoint of.
std::set<IpAddress> addresses_of_hosts(const std::vector<kernel::Address>& addresses) {
  std::set<IpAddress> out;
  for (const auto& address : addresses)
    if (address.protocol == registry::kRouteProtocol) out.insert(address.prefix.address());
  return out;
}

}  // namespace

std::string format_fallback(const FallbackState& state) {
  std::string out(kHeading);
  out += '\n';
  for (const auto& address : state.endpoints) out += "endpoint " + address.text() + "\n";
  for (const auto& [word, limits] :
       {std::pair{"limits-before", state.limits_before}, {"limits-set", state.limits_set}})
    if (limits)
      out += fmt::format("{} {} {}\n", word, limits->accepted_addresses, limits->subflows);
  return out;
}

Result<FallbackState> parse_fallback(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line;
  if (!std::getline(lines, line) || line != kHeading)
    return fail("this is no state file of the path manager");
  FallbackState out;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string word, address;
    MptcpLimits limits;
    words >> word;
    if (word == "endpoint" && words >> address) {
      const auto parsed = IpAddress::parse(address);
      if (!parsed) return fail("a line of the state file cannot be understood");
      out.endpoints.insert(*parsed);
    } else if (word == "limits-before" && words >> limits.accepted_addresses >> limits.subflows) {
      out.limits_before = limits;
    } else if (word == "limits-set" && words >> limits.accepted_addresses >> limits.subflows) {
      out.limits_set = limits;
    } else {
      return fail("a line of the state file cannot be understood");
    }
  }
  return out;
}

EndpointChanges compare_fallback(const std::vector<Path>& paths,
                                 const std::vector<MptcpEndpoint>& actual,
                                 const FallbackState& state, const std::set<IpAddress>& leave) {
  EndpointChanges out;
  const auto usable = [&](const IpAddress& address) {
    const auto path = std::ranges::find(paths, address, &Path::address);
    return path != paths.end() && path->usable;
  };
  for (const auto& path : paths) {
    const auto has_one = std::ranges::any_of(actual, [&](const MptcpEndpoint& endpoint) {
      return endpoint.address == path.address && (endpoint.flags & MptcpEndpoint::kImplicit) == 0;
    });
    if (path.usable && !has_one && !leave.contains(path.address))
      out.add.push_back(
          {.address = path.address, .flags = MptcpEndpoint::kSubflow, .ifindex = path.ifindex});
  }
  for (const auto& endpoint : actual)
    if (state.endpoints.contains(endpoint.address) && !usable(endpoint.address))
      out.remove.push_back(endpoint);
  return out;
}

KernelFallback::KernelFallback(kernel::MptcpPathManager manager, kernel::Rtnetlink netlink,
                               unsigned subflows, FallbackState state)
    : manager_(std::move(manager)),
      netlink_(std::move(netlink)),
      subflows_(subflows),
      state_(std::move(state)) {}

Result<KernelFallback> KernelFallback::open(unsigned subflows) {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto manager = kernel::MptcpPathManager::open();
  if (!manager) return std::unexpected(manager.error());
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  return KernelFallback(*std::move(manager), *std::move(netlink), subflows, load_state());
}

/// Limits that are higher already are somebody's will.
Result<void> KernelFallback::raise_limits() {
  const auto now = manager_.limits();
  if (!now) return std::unexpected(now.error());
  const MptcpLimits wanted{std::max(now->accepted_addresses, subflows_),
                           std::max(now->subflows, subflows_)};
  if (*now == wanted) return {};
  if (!state_.limits_before) state_.limits_before = *now;
  state_.limits_set = wanted;
  ANABRANCH_TRY(save_state(state_));
  return manager_.set_limits(wanted);
}

Result<void> KernelFallback::keep(const std::vector<Path>& paths) {
  ANABRANCH_TRY(raise_limits());
  const auto actual = manager_.endpoints();
  if (!actual) return std::unexpected(actual.error());
  const auto addresses = netlink_.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  const auto changes = compare_fallback(paths, *actual, state_, addresses_of_hosts(*addresses));
  const FallbackState before = state_;
  for (const auto& endpoint : changes.add) state_.endpoints.insert(endpoint.address);
  // On disk first: what a crash leaves behind must be known as ours.
  if (state_ != before) ANABRANCH_TRY(save_state(state_));
  std::optional<Error> first;
  for (const auto& gone : changes.remove) {
    auto done = manager_.remove(gone);
    if (!done && !first) first = std::move(done).error();
    state_.endpoints.erase(gone.address);
  }
  for (const auto& fresh : changes.add) {
    auto done = manager_.add(fresh);
    if (done) continue;
    const int error = kernel::last_netlink_error();
    state_.endpoints.erase(fresh.address);
    if (error == ERANGE)
      log::debug("the kernel takes no more endpoints than it has: {} is none",
                 fresh.address.text());
    else if (error != EEXIST && !first)
      first = std::move(done).error();
  }
  if (state_ != before) ANABRANCH_TRY(save_state(state_));
  if (first) return std::unexpected(*std::move(first));
  return {};
}

Result<void> KernelFallback::remove() {
  const FallbackState state = load_state();
  std::error_code ignored;
  if (state == FallbackState{}) {
    std::filesystem::remove(state_path(), ignored);
    return {};
  }
  auto manager = kernel::MptcpPathManager::open();
  if (!manager) return std::unexpected(manager.error());
  const auto endpoints = manager->endpoints();
  if (!endpoints) return std::unexpected(endpoints.error());
  for (const auto& endpoint : *endpoints)
    if (state.endpoints.contains(endpoint.address)) ANABRANCH_TRY(manager->remove(endpoint));
  if (const auto now = manager->limits(); now && state.limits_before && *now == state.limits_set)
    ANABRANCH_TRY(manager->set_limits(*state.limits_before));
  std::filesystem::remove(state_path(), ignored);
  return {};
}

}  // namespace anabranch::paths
