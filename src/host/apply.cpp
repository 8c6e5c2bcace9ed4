// SPDX-License-Identifier: MIT
#include "host/apply.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "base/registry.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::host {
namespace {

using kernel::MptcpEndpoint;
using kernel::MptcpPathManager;

constexpr std::pair<const char*, const char*> kWireSettings[] = {
    {"arp_ignore", "1"}, {"arp_announce", "2"}, {"rp_filter", "2"}};

std::string setting(std::string_view family, std::string_view interface, std::string_view name) {
  return fmt::format("net/{}/conf/{}/{}", family, interface, name);
}

Result<void> prepare_macvlan(const std::string& name) {
  for (const auto& [key, value] : kWireSettings)
    ANABRANCH_TRY(kernel::write_sysctl(setting("ipv4", name, key), value));
  // An IPv4 path until a domain makes it more (enable_ipv6()); without this the interface would
  // take an IPv6 address and default route of the first network. A kernel without IPv6 has no such
  // setting.
  for (const auto& [key, value] : {std::pair{"accept_ra", "0"}, std::pair{"disable_ipv6", "1"}})
    if (auto done = kernel::write_sysctl(setting("ipv6", name, key), value); !done)
      log::debug("{}", done.error().text());
  return {};
}

/// True when they had to be.
Result<bool> raise_limits(MptcpPathManager& manager, const Plan& plan, HostState& state,
                          const std::function<void()>& save) {
  const auto now = manager.limits();
  if (!now) return std::unexpected(now.error());
  if (now->subflows >= plan.subflows) return false;
  const kernel::MptcpLimits wanted{now->accepted_addresses, plan.subflows};
  if (!state.limits_before) state.limits_before = *now;
  state.limits_set = wanted;
  save();
  ANABRANCH_TRY(manager.set_limits(wanted));
  return true;
}

Result<void> add_endpoint(MptcpPathManager& manager, MptcpEndpoint endpoint) {
  if (manager.add(endpoint)) return {};
  endpoint.id = 0;  // the path's index is taken as an id by someone else's endpoint
  return manager.add(endpoint);
}

std::vector<kernel::LinkInfo> our_macvlans(const std::vector<kernel::LinkInfo>& links,
                                           unsigned parent) {
  std::vector<kernel::LinkInfo> out;
  std::ranges::copy_if(links, std::back_inserter(out),
                       [&](const auto& link) { return is_our_macvlan(link, parent); });
  return out;
}

/// Keeps the first error and goes on: cleaning up half is better than nothing.
class FirstError {
 public:
  void keep(Result<void> done) {
    if (!done && !first_) first_ = std::move(done).error();
  }
  Result<void> result() const {
    if (first_) return std::unexpected(*first_);
    return {};
  }

 private:
  std::optional<Error> first_;
};

void clean_mptcp(const HostState& state, const std::vector<unsigned>& macvlans,
                 const std::vector<IpAddress>& shared, FirstError& errors) {
  auto manager = MptcpPathManager::open();
  if (!manager) return;  // no MPTCP in this kernel: nothing of ours either
  const auto endpoints = manager->endpoints();
  if (!endpoints) return errors.keep(std::unexpected(endpoints.error()));
  for (const auto& endpoint : *endpoints)
    if (std::ranges::find(state.endpoints, endpoint.address) != state.endpoints.end() ||
        std::ranges::find(macvlans, endpoint.ifindex) != macvlans.end() ||
        std::ranges::find(shared, endpoint.address) != shared.end())
      errors.keep(manager->remove(endpoint));
  if (!state.limits_before) return;
  // Someone who has set other limits since then means them.
  if (const auto now = manager->limits(); now && state.limits_set && *now == *state.limits_set)
    errors.keep(manager->set_limits(*state.limits_before));
}

}  // namespace

Result<std::vector<std::string>> prepare_parent(const std::string& interface,
                                                Attachment attachment) {
  kernel::SavedSysctls saved(sysctl_path(interface));
  std::vector<std::string> changed;
  if (attachment == Attachment::kShared) {
    ANABRANCH_TRY(saved.restore());
    return changed;
  }
  for (const auto& [key, value] : kWireSettings) {
    const auto name = setting("ipv4", interface, key);
    if (const auto now = kernel::read_sysctl(name); now && *now == value) continue;
    ANABRANCH_TRY(saved.set(name, value));
    changed.emplace_back(key);
  }
  return changed;
}

bool parent_is_prepared(const std::string& interface, Attachment attachment) {
  return attachment == Attachment::kShared ||
         std::ranges::all_of(kWireSettings, [&](const auto& entry) {
           const auto now = kernel::read_sysctl(setting("ipv4", interface, entry.first));
           return now && *now == entry.second;
         });
}

Result<void> check_tables_free(kernel::Rtnetlink& netlink, const kernel::LinkInfo& parent) {
  const auto links = netlink.links();
  if (!links) return std::unexpected(links.error());
  const auto taken = [&](const kernel::LinkInfo& other) {
    return fail(fmt::format("the paths over {} use the tables that those of {} need", other.name,
                            parent.name),
                parent.name, "run the host role on one of the two only");
  };
  for (const auto& other : *links)
    if (other.index != parent.index && !our_macvlans(*links, other.index).empty() &&
        registry::host_slot(other.index, 0) == registry::host_slot(parent.index, 0))
      return taken(other);
  // Paths that share their interface have no macvlan to be known by.
  const auto scope = scope_of(parent.index, {});
  const auto routes = netlink.routes(scope.first_table, scope.last_table, registry::kRouteProtocol);
  if (!routes) return std::unexpected(routes.error());
  for (const auto& route : *routes) {
    const auto through = std::ranges::find(*links, route.ifindex, &kernel::LinkInfo::index);
    if (through != links->end() && through->index != parent.index &&
        !is_our_macvlan(*through, parent.index))
      return taken(*through);
  }
  return {};
}

Result<kernel::LinkInfo> ensure_macvlan(kernel::Rtnetlink& netlink, const kernel::LinkInfo& parent,
                                        std::span<const std::uint8_t> duid, unsigned index) {
  const std::string name = macvlan_name(parent.index, index);
  const auto links = netlink.links();
  if (!links) return std::unexpected(links.error());
  auto found = std::ranges::find(*links, name, &kernel::LinkInfo::name);
  if (found != links->end()) {
    const bool half_made = found->kind == "macvlan" && found->parent == parent.index &&
                           found->mac == macvlan_mac(parent.mac, duid, index);
    if (!half_made && !is_our_macvlan(*found, parent.index))
      return fail("an interface of this name exists and is not ours", name,
                  "rename or delete it: anabranch names its interfaces this way");
    if (found->admin_up) return *found;
  } else {
    ANABRANCH_TRY(netlink.create_macvlan(name, parent.index, macvlan_mac(parent.mac, duid, index)));
  }
  auto link = netlink.link(name);
  if (!link) return link;
  ANABRANCH_TRY(netlink.set_alias(link->index, macvlan_alias(parent.name, index)));
  ANABRANCH_TRY(prepare_macvlan(name));
  ANABRANCH_TRY(netlink.set_up(link->index, true));
  return netlink.link(name);
}

Result<void> enable_ipv6(const std::string& macvlan) {
  // First what keeps it from configuring itself when it comes up.
  for (const auto& [key, value] :
       {std::pair{"accept_ra", "0"}, std::pair{"autoconf", "0"}, std::pair{"disable_ipv6", "0"}}) {
    const auto name = setting("ipv6", macvlan, key);
    if (const auto now = kernel::read_sysctl(name); now && *now == value) continue;
    ANABRANCH_TRY(kernel::write_sysctl(name, value));
  }
  return {};
}

bool macvlan_is_impossible() {
  // No macvlan in this kernel; an interface that gives its packets to somebody else (a bridge's
  // port), or one that is no Ethernet.
  const int error = kernel::last_netlink_error();
  return error == EOPNOTSUPP || error == EBUSY || error == EINVAL;
}

Result<Applied> apply_plan(kernel::Rtnetlink& netlink, MptcpPathManager* manager, const Plan& plan,
                           HostState& state, const std::function<void()>& save) {
  EndpointChanges changes;
  if (manager != nullptr) {
    const auto actual = manager->endpoints();
    if (!actual) return std::unexpected(actual.error());
    // What lies on a macvlan or an address of ours is ours, even when the state file was lost.
    auto ours = state.endpoints;
    const auto addresses = netlink.addresses();
    if (!addresses) return std::unexpected(addresses.error());
    for (const auto& shared : shared_addresses(*addresses, plan.scope.shared_interface))
      ours.push_back(shared);
    for (const auto& endpoint : *actual)
      if (std::ranges::find(plan.scope.interfaces, endpoint.ifindex) != plan.scope.interfaces.end())
        ours.push_back(endpoint.address);
    changes = compare_endpoints(plan.endpoints, *actual, ours);
    for (const auto& gone : changes.remove) {
      ANABRANCH_TRY(manager->remove(gone));
      std::erase(state.endpoints, gone.address);
      log::info("MPTCP endpoint {} removed", gone.address.text());
    }
  }
  auto difference = kernel::reconcile(netlink, plan.network, plan.scope);
  if (!difference) return std::unexpected(difference.error());
  if (!difference->empty()) log::debug("{}", difference->text());
  Applied out{*std::move(difference), changes.add};
  if (manager == nullptr) return out;
  const auto raised = raise_limits(*manager, plan, state, save);
  if (!raised) return std::unexpected(raised.error());
  if (*raised) out.subflows = plan.subflows;
  for (const auto& fresh : changes.add) {
    if (std::ranges::find(state.endpoints, fresh.address) == state.endpoints.end())
      state.endpoints.push_back(fresh.address);
    save();
    ANABRANCH_TRY(add_endpoint(*manager, fresh));
  }
  if (!changes.remove.empty()) save();
  return out;
}

unsigned endpoint_room(MptcpPathManager& manager, const HostState& state) {
  const auto actual = manager.endpoints();
  if (!actual) return kMostEndpoints;
  const auto foreign = static_cast<unsigned>(std::ranges::count_if(*actual, [&](const auto& one) {
    return std::ranges::find(state.endpoints, one.address) == state.endpoints.end();
  }));
  return kMostEndpoints - std::min(foreign, kMostEndpoints);
}

bool mptcp_is_in_place(MptcpPathManager& manager, const Plan& plan) {
  const auto actual = manager.endpoints();
  const auto limits = manager.limits();
  return actual && limits && limits->subflows >= plan.subflows &&
         std::ranges::all_of(plan.endpoints, [&](const MptcpEndpoint& wanted) {
           return std::ranges::find(*actual, wanted.address, &MptcpEndpoint::address) !=
                  actual->end();
         });
}

Result<void> clean_up(const std::string& interface) {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto links = netlink->links();
  if (!links) return std::unexpected(links.error());
  HostState state;
  if (const auto content = read_file(state_path(interface)))
    if (auto parsed = parse_state(*content, Clocks{})) state = *std::move(parsed);
  const auto parent = std::ranges::find(*links, interface, &kernel::LinkInfo::name);
  const unsigned ifindex = parent == links->end() ? state.ifindex : parent->index;

  FirstError errors;
  const auto macvlans = our_macvlans(*links, ifindex);
  std::vector<unsigned> numbers;
  for (const auto& link : macvlans) numbers.push_back(link.index);
  const auto addresses = netlink->addresses();
  if (!addresses) return std::unexpected(addresses.error());
  clean_mptcp(state, numbers, shared_addresses(*addresses, ifindex), errors);
  if (ifindex != 0) {
    auto done = kernel::reconcile(*netlink, {}, scope_of(ifindex, numbers));
    if (!done) errors.keep(std::unexpected(done.error()));
  }
  for (const auto number : numbers) errors.keep(netlink->delete_link(number));
  errors.keep(kernel::SavedSysctls(sysctl_path(interface)).restore());
  ANABRANCH_TRY(errors.result());
  std::error_code ignored;
  std::filesystem::remove(state_path(interface), ignored);
  return {};
}

Result<std::vector<std::string>> interfaces_with_remains() {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(runtime_directory(), error)) {
    const auto file = entry.path().filename().string();
    if (file.starts_with("host-") && file.ends_with(".state"))
      names.insert(file.substr(5, file.size() - 5 - 6));
  }
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto links = netlink->links();
  if (!links) return std::unexpected(links.error());
  const auto addresses = netlink->addresses();
  if (!addresses) return std::unexpected(addresses.error());
  for (const auto& parent : *links)
    if (!our_macvlans(*links, parent.index).empty() ||
        !shared_addresses(*addresses, parent.index).empty())
      names.insert(parent.name);
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace anabranch::host
