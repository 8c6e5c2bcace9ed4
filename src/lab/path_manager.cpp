// SPDX-License-Identifier: MIT
// mptcpd 0.12 is run with its default plugin, which gives the addresses of the machine to the path
// manager of the kernel. Its other one, "sspi", does nothing when a connection is established.
#include "lab/path_manager.hpp"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "kernel/mptcp_commands.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/rtnetlink.hpp"
#include "lab/lab_cgroup.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr const char* kMptcpdProgram = "/usr/libexec/mptcpd";
constexpr kernel::MptcpLimits kLimits{.accepted_addresses = 4, .subflows = 4};
constexpr nanoseconds kReadyPatience = seconds(10);
constexpr const char* kPathsFile = "/run/lab/paths.toml";

/// Without a cgroup of the lab's own there are none: they would hold for the whole machine.
std::string paths_settings(SubflowLimits limits) {
  const auto cgroup = limits == SubflowLimits::kOn ? lab_cgroup() : std::string();
  if (cgroup.empty()) return "[limits]\nbpf = false\n";
  return "[limits]\nbpf = true\ncgroup = \"" + cgroup + "\"\n";
}

Role paths_role(SubflowLimits limits) {
  return {.name = std::string(kPathsRole),
          .command = {"anabranch", "paths", "run", "-c", kPathsFile},
          .files = {{"paths.toml", paths_settings(limits)}}};
}

/// Its plugins lie in the library folder of the machine's architecture.
std::string mptcpd_plugins() {
  std::error_code ignored;
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib", ignored)) {
    auto plugins = folder.path() / "mptcpd";
    if (std::filesystem::exists(plugins / "addr_adv.so", ignored)) return plugins.string();
  }
  return {};
}

/// Addresses of the node's interfaces, without loopback.
std::vector<InterfaceAddress> addresses_of(const Topology& topology, std::string_view node) {
  std::vector<InterfaceAddress> out;
  for (const auto& candidate : topology.nodes)
    if (candidate.name == node) out = candidate.addresses;
  std::erase_if(out, [](const InterfaceAddress& address) { return address.interface == "lo"; });
  return out;
}

/// What the kernel's path manager of the calling thread's namespace is to do; empty: nothing.
Result<void> set_endpoints(const std::vector<InterfaceAddress>& addresses) {
  auto manager = kernel::MptcpPathManager::open();
  if (!manager) return std::unexpected(manager.error());
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto before = manager->endpoints();
  if (!before) return std::unexpected(before.error());
  for (const auto& endpoint : *before) ANABRANCH_TRY(manager->remove(endpoint));
  ANABRANCH_TRY(manager->set_limits(addresses.empty() ? kernel::MptcpLimits{} : kLimits));
  for (const auto& [interface, prefix] : addresses) {
    const auto link = netlink->link(interface);
    if (!link) return std::unexpected(link.error());
    ANABRANCH_TRY(manager->add({.address = prefix.address(),
                                .flags = kernel::MptcpEndpoint::kSubflow,
                                .ifindex = link->index}));
  }
  return {};
}

bool has_endpoints(const Network& network, std::string_view node) {
  std::vector<kernel::MptcpEndpoint> endpoints;
  const auto read = network.inside(node, [&]() -> Result<void> {
    auto manager = kernel::MptcpPathManager::open();
    if (!manager) return std::unexpected(manager.error());
    auto all = manager->endpoints();
    if (!all) return std::unexpected(all.error());
    endpoints = *std::move(all);
    return {};
  });
  const auto wanted = addresses_of(network.topology(), node);
  return read && std::ranges::all_of(wanted, [&](const InterfaceAddress& address) {
           return std::ranges::find(endpoints, address.address.address(),
                                    &kernel::MptcpEndpoint::address) != endpoints.end();
         });
}

}  // namespace

std::string_view manager_name(Manager manager) {
  switch (manager) {
    case Manager::kKernel:
      return "kernel";
    case Manager::kMptcpd:
      return "mptcpd";
    case Manager::kAnabranch:
      return "anabranch";
  }
  return "?";
}

std::vector<std::string_view> manager_names() {
  std::vector<std::string_view> out;
  for (const auto manager : kManagers) out.push_back(manager_name(manager));
  return out;
}

std::vector<Role> manager_roles() {
  return {{.name = std::string(kMptcpdRole),
           .command = {kMptcpdProgram, "--log=stderr", "--plugin-dir=" + mptcpd_plugins(),
                       "--path-manager=addr_adv", "--load-plugins=addr_adv", "--addr-flags=subflow",
                       "--notify-flags=existing,skip_link_local,skip_loopback"},
           .files = {}},
          paths_role(SubflowLimits::kOff)};
}

Result<void> find_manager(Manager manager) {
  if (manager == Manager::kMptcpd &&
      (::access(kMptcpdProgram, X_OK) != 0 || mptcpd_plugins().empty()))
    return fail("mptcpd is not installed", kMptcpdProgram,
                "install the packages mptcpd and mptcpd-plugins");
  return {};
}

Result<void> start_manager(Network& network, std::string_view node, Manager manager,
                           SubflowLimits limits) {
  switch (manager) {
    case Manager::kKernel:
      return network.inside(node,
                            [&] { return set_endpoints(addresses_of(network.topology(), node)); });
    case Manager::kMptcpd:
      ANABRANCH_TRY(find_manager(manager));
      ANABRANCH_TRY(network.start_role(node, kMptcpdRole));
      return wait_until("an endpoint of mptcpd for each address", kReadyPatience,
                        [&] { return has_endpoints(network, node); });
    case Manager::kAnabranch:
      ANABRANCH_TRY(network.start_role(node, paths_role(limits)));
      return wait_until("an answer of the path manager", kReadyPatience,
                        [&] { return network.ask(node, kPathsRole, "show").has_value(); });
  }
  return {};
}

bool has_subflow_limits(const Network& network, std::string_view node) {
  const auto shown = network.ask(node, kPathsRole, "show");
  if (!shown) return false;
  const auto json = nlohmann::json::parse(*shown, nullptr, false);
  return json.is_object() && json.value("limits", "") == "active";
}

Result<void> stop_manager(Network& network, std::string_view node, Manager manager) {
  if (manager != Manager::kKernel) {
    const auto code =
        network.stop_role(node, manager == Manager::kMptcpd ? kMptcpdRole : kPathsRole);
    if (!code) return std::unexpected(code.error());
  }
  return network.inside(node, []() -> Result<void> {
    ANABRANCH_TRY(set_endpoints({}));
    return kernel::set_path_manager_type(kernel::PathManagerType::kKernel);
  });
}

Result<void> forget_manager_state(std::string_view node) {
  std::error_code error;
  std::filesystem::remove_all(node_directory(node) + "/anabranch-state", error);
  if (error)
    return fail("cannot remove the state of the path manager: " + error.message(),
                std::string(node));
  return {};
}

}  // namespace anabranch::lab
