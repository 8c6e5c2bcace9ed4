// SPDX-License-Identifier: MIT
#include "paths/path_source.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/address_scope.hpp"
#include "base/directories.hpp"
#include "base/log.hpp"
#include "policy/rules.hpp"
#include "status/role_followers.hpp"

namespace anabranch::paths {
namespace {

using nlohmann::json;

/// Changes come in bursts. The first is looked at at once, so that a link that fails is known; what
/// follows within this time is looked at together.
constexpr milliseconds kSettle{20};
/// Routes of an interface without a default route that are taken note of.
constexpr std::size_t kMostDestinations = 64;
/// After a look that failed.
constexpr seconds kRetry{1};

bool allowed(const std::string& interface, const Settings& settings) {
  const auto matches = [&](const std::string& pattern) {
    return policy::name_matches(pattern, interface);
  };
  return (settings.allow.empty() || std::ranges::any_of(settings.allow, matches)) &&
         std::ranges::none_of(settings.deny, matches);
}

bool is_withdrawn(const IpAddress& address, const std::vector<HostReport>& hosts) {
  return std::ranges::any_of(
      hosts, [&](const HostReport& host) { return host.withdrawn.contains(address); });
}

bool is_served(const IpAddress& address, const std::vector<HostReport>& hosts) {
  return std::ranges::any_of(
      hosts, [&](const HostReport& host) { return host.serving.contains(address); });
}

std::string group_of(const IpAddress& address, const std::vector<HostReport>& hosts) {
  for (const auto& host : hosts)
    if (const auto found = host.groups.find(address); found != host.groups.end())
      return found->second;
  return {};
}

/// Why it cannot be used; empty when it can.
std::string obstacle(const kernel::LinkInfo& link, const IpAddress& address, bool routed,
                     const std::vector<HostReport>& hosts, const Settings& settings) {
  if (!allowed(link.name, settings)) return "denied";
  if (!link.operational()) return "link-down";
  if (is_withdrawn(address, hosts)) return "withdrawn";
  return routed ? "" : "no-route";
}

/// Its link, and what the kernel has routes to.
std::vector<IpPrefix> destinations_of(const kernel::Address& address, const NetworkView& view) {
  std::vector<IpPrefix> out;
  if (address.prefix.length() < address.prefix.address().width())
    out.push_back(address.prefix.without_host_bits());
  if (const auto found = view.destinations.find(address.prefix.address());
      found != view.destinations.end())
    for (const auto& prefix : found->second)
      if (std::ranges::find(out, prefix) == out.end()) out.push_back(prefix);
  return out;
}

}  // namespace

Result<HostReport> next_host_report(const HostReport& before, std::string_view text) {
  try {
    const json report = json::parse(text);
    HostReport out;
    for (const auto& path : report.at("paths")) {
      const auto& address = path.at("address");
      if (address.is_null()) continue;
      const auto parsed = IpAddress::parse(address.get<std::string>());
      if (!parsed) return std::unexpected(parsed.error());
      const auto state = path.at("state").get<std::string>();
      out.groups[*parsed] =
          fmt::format("{}/{}", report.value("interface", ""), path.value("index", 0U));
      if (state == "down" || state == "withdrawn")
        out.withdrawn.insert(*parsed);
      else if (state != "deprecated")
        out.serving.insert(*parsed);
    }
    for (const auto* earlier : {&before.serving, &before.withdrawn})
      for (const auto& address : *earlier)
        if (!out.groups.contains(address)) out.withdrawn.insert(address);
    return out;
  } catch (const std::exception& error) {
    return fail(std::string("this is no report of a host: ") + error.what());
  }
}

std::vector<Path> paths_from(const NetworkView& view, const std::vector<HostReport>& hosts,
                             const Settings& settings) {
  std::map<IpAddress, Path> found;
  for (const auto& entry : view.addresses) {
    const auto address = entry.prefix.address();
    const auto link = std::ranges::find(view.links, entry.ifindex, &kernel::LinkInfo::index);
    if (!is_global(address) || entry.tentative || link == view.links.end() || link->loopback ||
        (entry.deprecated && !is_served(address, hosts) && !is_withdrawn(address, hosts)))
      continue;
    const auto route = view.default_routes.find(address);
    const bool routed = route != view.default_routes.end();
    Path path;
    path.address = address;
    path.interface = link->name;
    path.ifindex = link->index;
    path.group = group_of(address, hosts);
    if (routed) path.router = route->second.via;
    path.reason = obstacle(*link, address, routed, hosts, settings);
    path.usable = path.reason.empty();
    if (path.reason == "no-route") path.destinations = destinations_of(entry, view);
    // The same address on two interfaces: the one that works.
    const auto known = found.find(address);
    if (known == found.end() || (path.usable && !known->second.usable))
      found.insert_or_assign(address, std::move(path));
  }
  std::vector<Path> out;
  for (auto& [address, path] : found) out.push_back(std::move(path));
  return out;
}

struct PathSource::Impl {
  Impl(Loop& on, Settings with, Changed tell, kernel::Rtnetlink asks, kernel::RouteMonitor watches)
      : loop(on),
        settings(std::move(with)),
        changed(std::move(tell)),
        netlink(std::move(asks)),
        monitor(std::move(watches)) {}

  Result<NetworkView> look();
  void read();
  void soon();
  void kernel_changed();
  void follow_hosts();
  void publish();

  Loop& loop;
  Settings settings;
  Changed changed;
  kernel::Rtnetlink netlink;
  kernel::RouteMonitor monitor;
  Loop::Handle monitor_readable;
  std::optional<status::RoleFollowers> followers;
  std::map<std::string, HostReport> hosts;  ///< by role
  NetworkView view;
  std::vector<Path> paths;
  MonotonicTime not_before{};
  Loop::Handle later;
};

Result<NetworkView> PathSource::Impl::look() {
  NetworkView out;
  auto links = netlink.links();
  if (!links) return std::unexpected(links.error());
  auto addresses = netlink.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  for (const auto& address : *addresses) {
    const auto source = address.prefix.address();
    if (!is_global(source)) continue;
    if (auto route = netlink.default_route(source.family(), source, address.ifindex)) {
      out.default_routes.insert_or_assign(source, *std::move(route));
      continue;
    }
    auto destinations = netlink.destinations(source.family(), address.ifindex, kMostDestinations);
    if (!destinations) return std::unexpected(destinations.error());
    out.destinations.insert_or_assign(source, *std::move(destinations));
  }
  out.links = *std::move(links);
  out.addresses = *std::move(addresses);
  return out;
}

void PathSource::Impl::read() {
  later.reset();
  not_before = MonotonicClock::now() + kSettle;
  auto seen = look();
  if (!seen) {
    log::warning("cannot look at the machine's paths: {}; trying again", seen.error().text());
    later = loop.after(kRetry, [this] { read(); });
    return;
  }
  view = *std::move(seen);
  publish();
}

void PathSource::Impl::soon() {
  if (later) return;
  later = loop.at(not_before, [this] { read(); });
}

void PathSource::Impl::kernel_changed() {
  if (!monitor.drain().any()) return;
  if (!later && MonotonicClock::now() >= not_before)
    read();
  else
    soon();
}

void PathSource::Impl::publish() {
  std::vector<HostReport> reports;
  for (const auto& [role, report] : hosts) reports.push_back(report);
  auto fresh = paths_from(view, reports, settings);
  if (fresh == paths) return;
  paths = std::move(fresh);
  changed(paths);
}

void PathSource::Impl::follow_hosts() {
  followers.emplace(loop, "host-",
                    status::RoleFollowers::Callbacks{
                        [this](const std::string& role, std::string_view state) -> Result<void> {
                          auto report = next_host_report(hosts[role], state);
                          if (!report) return std::unexpected(report.error());
                          hosts[role] = *std::move(report);
                          publish();
                          return {};
                        },
                        // Its paths stay as they are; the kernel says what becomes of them.
                        [this](const std::string& role) {
                          hosts.erase(role);
                          publish();
                        }});
}

PathSource::PathSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PathSource::PathSource(PathSource&&) noexcept = default;
PathSource& PathSource::operator=(PathSource&&) noexcept = default;
PathSource::~PathSource() = default;

Result<PathSource> PathSource::open(Loop& loop, const Settings& settings, Changed changed) {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  auto monitor = kernel::RouteMonitor::open();
  if (!monitor) return std::unexpected(monitor.error());
  auto impl = std::make_unique<Impl>(loop, settings, std::move(changed), *std::move(netlink),
                                     *std::move(monitor));
  Impl& self = *impl;
  self.monitor_readable = loop.on_readable(self.monitor.fd(), [&self] { self.kernel_changed(); });
  auto view = self.look();
  if (!view) return std::unexpected(view.error());
  self.view = *std::move(view);
  self.paths = paths_from(self.view, {}, settings);
  self.follow_hosts();
  return PathSource(std::move(impl));
}

const std::vector<Path>& PathSource::now() const {
  return impl_->paths;
}

void PathSource::configure(const Settings& settings) {
  impl_->settings = settings;
  impl_->publish();
}

}  // namespace anabranch::paths
