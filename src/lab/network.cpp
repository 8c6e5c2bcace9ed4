// SPDX-License-Identifier: MIT
#include "lab/network.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directories.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/namespaces.hpp"
#include "kernel/offloads.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/sysctl.hpp"
#include "status/client.hpp"

namespace anabranch::lab {
namespace {

using kernel::inside_network_namespace;
using kernel::Rtnetlink;

/// In every namespace: one lost handshake must not turn MPTCP off for an hour, and metrics of one
/// transfer must not colour the next.
constexpr std::pair<const char*, const char*> kSysctls[] = {
    {"net/mptcp/blackhole_timeout", "0"},  {"net/ipv4/tcp_no_metrics_save", "1"},
    {"net/ipv6/conf/all/accept_dad", "0"}, {"net/ipv6/conf/default/accept_dad", "0"},
    {"net/ipv4/icmp_ratelimit", "0"},
};

/// RTPROT_STATIC: of what an administrator sets.
constexpr std::uint8_t kStaticProtocol = 4;

Result<unsigned> index_of(Rtnetlink& netlink, const std::string& name) {
  if (name == "lo") return 1u;
  const auto link = netlink.link(name);
  if (!link) return std::unexpected(link.error());
  return link->index;
}

/// Offloads off where every frame is to be one frame.
Result<void> bring_up(const std::string& name, bool offloads) {
  auto netlink = Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  if (!offloads) ANABRANCH_TRY(kernel::turn_offloads_off(name));
  const auto index = index_of(*netlink, name);
  if (!index) return std::unexpected(index.error());
  return netlink->set_up(*index, true);
}

/// The switch's end of the cable to a LAN's port.
std::string switch_port(unsigned lan, unsigned port) {
  return "l" + std::to_string(lan) + "p" + std::to_string(port);
}

/// The node's end of a cable or of a switch's port.
Result<void> bring_up_end(const Endpoint& end, bool offloads) {
  if (end.mac) {
    auto netlink = Rtnetlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    const auto index = index_of(*netlink, end.interface);
    if (!index) return std::unexpected(index.error());
    ANABRANCH_TRY(netlink->set_mac(*index, *end.mac));
  }
  if (!end.down) return bring_up(end.interface, offloads);
  return offloads ? Result<void>{} : kernel::turn_offloads_off(end.interface);
}

/// The child's own view: the node's folder as /run, with what is mounted in it.
Result<void> enter_node_mounts(const std::string& directory) {
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno("cannot make a mount namespace");
  if (::mount(directory.c_str(), "/run", nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return fail_errno("cannot give the node its /run");
  return {};
}

}  // namespace

std::string node_directory(std::string_view node) {
  return "/run/nodes/" + std::string(node);
}

std::string status_socket(std::string_view node, std::string_view role) {
  return node_directory(node) + "/anabranch/" + std::string(role) + ".sock";
}

Network::~Network() {
  // Roles first, so that they do not log about links that vanish under them.
  for (auto& [name, node] : nodes_)
    for (auto& [role, process] : node.roles) process.stop({});
}

Result<std::unique_ptr<Network>> Network::build(const Topology& topology) {
  if (const auto problem = find_contradiction(topology)) return fail(*problem);
  std::unique_ptr<Network> out(new Network(topology));
  ANABRANCH_TRY(out->make_nodes());
  ANABRANCH_TRY(out->make_links());
  ANABRANCH_TRY(out->make_lans());
  for (const auto& node : topology.nodes) ANABRANCH_TRY(out->configure(node));
  ANABRANCH_TRY(out->start_wire());
  return out;
}

Result<void> Network::make_nodes() {
  auto wire = kernel::create_network_namespace();
  if (!wire) return std::unexpected(wire.error());
  wire_netns_ = *std::move(wire);
  for (const auto& node : topology_.nodes) {
    auto netns = kernel::create_network_namespace();
    if (!netns) return std::unexpected(netns.error());
    ANABRANCH_TRY(make_directory(node_directory(node.name)));
    const int fd = netns->get();
    nodes_[node.name].netns = *std::move(netns);
    ANABRANCH_TRY(inside_network_namespace(fd, [&]() -> Result<void> {
      for (const auto& [key, value] : kSysctls) ANABRANCH_TRY(kernel::write_sysctl(key, value));
      for (const auto& [key, value] : node.sysctls) ANABRANCH_TRY(kernel::write_sysctl(key, value));
      return {};
    }));
  }
  return {};
}

Result<void> Network::make_links() {
  auto netlink = Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  unsigned number = 0;
  for (const auto& link : topology_.links) {
    const auto up = [&](const Endpoint& end) {
      return inside_network_namespace(netns(end.node),
                                      [&] { return bring_up_end(end, !link.profile); });
    };
    if (!link.profile) {
      ANABRANCH_TRY(netlink->create_veth(link.a.interface, netns(link.a.node), link.b.interface,
                                         netns(link.b.node)));
    } else {
      const std::string name = "w" + std::to_string(number++);
      const WireLink wire{link.name, name + "a", name + "b", *link.profile};
      ANABRANCH_TRY(netlink->create_veth(link.a.interface, netns(link.a.node), wire.interface_a,
                                         wire_netns_.get()));
      ANABRANCH_TRY(netlink->create_veth(link.b.interface, netns(link.b.node), wire.interface_b,
                                         wire_netns_.get()));
      ANABRANCH_TRY(inside_network_namespace(wire_netns_.get(), [&]() -> Result<void> {
        ANABRANCH_TRY(bring_up(wire.interface_a, false));
        return bring_up(wire.interface_b, false);
      }));
      wire_links_.push_back(wire);
    }
    ANABRANCH_TRY(up(link.a));
    ANABRANCH_TRY(up(link.b));
  }
  return {};
}

Result<void> Network::make_lans() {
  auto netlink = Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  unsigned number = 0;
  for (const auto& lan : topology_.lans) {
    const std::string bridge = "br" + std::to_string(number);
    unsigned port_number = 0;
    for (const auto& port : lan.ports) {
      const std::string name = switch_port(number, port_number++);
      ANABRANCH_TRY(
          netlink->create_veth(port.interface, netns(port.node), name, wire_netns_.get()));
      ANABRANCH_TRY(inside_network_namespace(wire_netns_.get(), [&]() -> Result<void> {
        auto inner = Rtnetlink::open();
        if (!inner) return std::unexpected(inner.error());
        if (port_number == 1) {
          // IPv6 off: the switch has no business in the LAN's neighbour discovery.
          ANABRANCH_TRY(inner->create_bridge(bridge));
          ANABRANCH_TRY(kernel::write_sysctl("net/ipv6/conf/" + bridge + "/disable_ipv6", "1"));
          ANABRANCH_TRY(bring_up(bridge, true));
        }
        const auto master = inner->link(bridge);
        const auto member = inner->link(name);
        if (!master || !member) return fail("the LAN's bridge is gone");
        ANABRANCH_TRY(inner->set_master(member->index, master->index));
        return inner->set_up(member->index, true);
      }));
      ANABRANCH_TRY(
          inside_network_namespace(netns(port.node), [&] { return bring_up_end(port, true); }));
    }
    ++number;
  }
  return {};
}

Result<void> Network::configure(const Node& node) {
  return inside_network_namespace(netns(node.name), [&]() -> Result<void> {
    auto netlink = Rtnetlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    for (const auto& [interface, prefix] : node.addresses) {
      const auto index = index_of(*netlink, interface);
      if (!index) return std::unexpected(index.error());
      ANABRANCH_TRY(netlink->add(kernel::Address{.ifindex = *index, .prefix = prefix}));
    }
    for (const auto& [to, via, interface, metric, table] : node.routes) {
      const auto index = index_of(*netlink, interface);
      if (!index) return std::unexpected(index.error());
      kernel::Route route;
      route.table = table == 0 ? kernel::kMainTable : table;
      route.to = to;
      route.via = via;
      route.ifindex = *index;
      route.metric = metric;
      route.protocol = kStaticProtocol;
      // Programs that set none themselves must not fall to a default that MPTCP crawls with.
      route.congestion = "cubic";
      ANABRANCH_TRY(netlink->add(route));
    }
    for (const auto& rule : node.rules)
      ANABRANCH_TRY(netlink->add(kernel::Rule{.priority = rule.priority,
                                              .family = rule.from.address().family(),
                                              .from = rule.from,
                                              .table = rule.table,
                                              .protocol = kStaticProtocol}));
    if (node.mptcp_subflows > 0) {
      auto manager = kernel::MptcpPathManager::open();
      if (!manager) return std::unexpected(manager.error());
      ANABRANCH_TRY(manager->set_limits({node.mptcp_subflows, node.mptcp_subflows}));
    }
    return {};
  });
}

Result<void> Network::start_wire() {
  if (wire_links_.empty()) return {};
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail_errno("cannot make a socket pair");
  wire_socket_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  kernel::SpawnOptions options;
  options.argv = {kernel::own_executable(),
                  "lab",
                  "wire",
                  "--links",
                  format_wire_links(wire_links_),
                  "--control-fd",
                  std::to_string(theirs.get())};
  options.network_namespace = wire_netns_.get();
  options.keep_open = {theirs.get()};
  auto process = kernel::spawn(options);
  if (!process) return std::unexpected(process.error());
  wire_process_ = *std::move(process);
  wire_control_ = std::make_unique<WireControl>(wire_socket_.get());
  // Its first answer says that it carries frames.
  const auto ready = wire_control_->counters(wire_links_.front().name);
  if (!ready) return std::unexpected(ready.error());
  return {};
}

Result<const Network::NodeState*> Network::state(std::string_view node) const {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) {
    std::string known;
    for (const auto& [name, unused] : nodes_) known += (known.empty() ? "" : ", ") + name;
    return fail("no node '" + std::string(node) + "'", {}, "one of " + known, ExitCode::kBadInput);
  }
  return &found->second;
}

Result<kernel::SpawnOptions> Network::in_node(std::string_view node,
                                              std::vector<std::string> argv) const {
  const auto found = state(node);
  if (!found) return std::unexpected(found.error());
  kernel::SpawnOptions options;
  for (auto& word : argv)
    if (word == "anabranch") word = kernel::own_executable();
  options.argv = std::move(argv);
  options.network_namespace = (*found)->netns.get();
  options.environment = {{"STATE_DIRECTORY", "/run/anabranch-state"},
                         {"RUNTIME_DIRECTORY", "/run/anabranch"}};
  // Ordinary users' PATH often lacks the folders where nft, ip and the DHCP programs live.
  const char* path = std::getenv("PATH");
  options.environment["PATH"] =
      std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
  options.prepare = [directory = node_directory(node)] { return enter_node_mounts(directory); };
  return options;
}

Result<kernel::CommandOutput> Network::run(std::string_view node, std::vector<std::string> argv,
                                           nanoseconds patience) const {
  auto options = in_node(node, std::move(argv));
  if (!options) return std::unexpected(options.error());
  return kernel::run_command(*std::move(options), {}, patience);
}

Result<void> Network::start_roles(std::string_view name) {
  for (const auto& node : topology_.nodes)
    if (node.name == name)
      for (const auto& role : node.roles) ANABRANCH_TRY(start_role(name, role));
  return {};
}

Result<void> Network::start_role(std::string_view node, const Role& role) {
  const std::string directory = node_directory(node);
  for (const auto& [file, content] : role.files) {
    ANABRANCH_TRY(replace_file(directory + "/lab/" + file, content));
    if (content.starts_with("#!") && ::chmod((directory + "/lab/" + file).c_str(), 0755) != 0)
      return fail_errno("cannot make the file executable", directory + "/lab/" + file);
  }
  auto options = in_node(node, role.command);
  if (!options) return std::unexpected(options.error());
  const std::string log = directory + "/" + role.name + ".log";
  const UniqueFd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!output) return fail_errno("cannot write the log", log);
  options->standard_output = output.get();
  options->standard_error = output.get();
  auto process = kernel::spawn(*options);
  if (!process) return std::unexpected(process.error());
  nodes_.find(node)->second.roles[role.name] = *std::move(process);
  return {};
}

Result<int> Network::stop_role(std::string_view node, std::string_view role) {
  const auto found = state(node);
  if (!found) return std::unexpected(found.error());
  auto& roles = nodes_.find(node)->second.roles;
  const auto process = roles.find(role);
  if (process == roles.end())
    return fail("no role '" + std::string(role) + "' runs in " + std::string(node));
  const int code = process->second.stop();
  roles.erase(process);
  return code;
}

Result<void> Network::kill_role(std::string_view node, std::string_view role) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.roles.contains(role))
    return fail("no role '" + std::string(role) + "' runs in " + std::string(node));
  const auto process = found->second.roles.find(role);
  process->second.stop({});
  found->second.roles.erase(process);
  return {};
}

Result<void> Network::start_role(std::string_view name, std::string_view role) {
  for (const auto& node : topology_.nodes)
    for (const auto& candidate : node.roles)
      if (node.name == name && candidate.name == role) return start_role(name, candidate);
  return fail("there is no role '" + std::string(role) + "' in " + std::string(name));
}

Result<void> Network::inside(std::string_view node,
                             const std::function<Result<void>()>& work) const {
  const auto found = state(node);
  if (!found) return std::unexpected(found.error());
  return inside_network_namespace((*found)->netns.get(), work);
}

std::string Network::logs(unsigned lines_each) const {
  std::string out;
  for (const auto& node : topology_.nodes) {
    for (const auto& role : node.roles) {
      const auto content = read_file(node_directory(node.name) + "/" + role.name + ".log");
      if (!content || content->empty()) continue;
      std::size_t start = content->size();
      for (unsigned i = 0; i <= lines_each && start != std::string::npos && start > 0; ++i)
        start = content->rfind('\n', start - 1);
      out += "--- " + node.name + ": " + role.name + "\n" +
             content->substr(start == std::string::npos ? 0 : start + 1);
    }
  }
  return out;
}

Result<pid_t> Network::role_pid(std::string_view node, std::string_view role) const {
  const auto found = state(node);
  if (!found) return std::unexpected(found.error());
  const auto process = (*found)->roles.find(role);
  if (process == (*found)->roles.end())
    return fail("no role '" + std::string(role) + "' runs in " + std::string(node));
  return process->second.pid();
}

Result<std::string> Network::ask(std::string_view node, std::string_view role,
                                 std::string_view verb) const {
  return status::ask(status_socket(node, role), verb);
}

Result<Network::Octets> Network::interface_octets(std::string_view node,
                                                  std::string_view interface) const {
  Octets out;
  const auto done = inside(node, [&]() -> Result<void> {
    auto netlink = Rtnetlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    const auto link = netlink->link(interface);
    if (!link) return std::unexpected(link.error());
    out = {link->received_octets, link->sent_octets};
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<void> Network::plug(std::string_view node, std::string_view interface, bool in) const {
  for (unsigned lan = 0; lan < topology_.lans.size(); ++lan) {
    const auto& ports = topology_.lans[lan].ports;
    const auto port = std::ranges::find_if(
        ports, [&](const Endpoint& end) { return end.node == node && end.interface == interface; });
    if (port == ports.end()) continue;
    return inside_network_namespace(wire_netns_.get(), [&]() -> Result<void> {
      auto netlink = Rtnetlink::open();
      if (!netlink) return std::unexpected(netlink.error());
      const auto index =
          index_of(*netlink, switch_port(lan, static_cast<unsigned>(port - ports.begin())));
      if (!index) return std::unexpected(index.error());
      return netlink->set_up(*index, in);
    });
  }
  return fail("no LAN has a port '" + std::string(interface) + "' of " + std::string(node));
}

Result<void> Network::turn_offloads_off(std::string_view node, const std::string& interface) const {
  return inside(node, [&] { return kernel::turn_offloads_off(interface); });
}

Result<std::uint64_t> Network::mptcp_counter(std::string_view node,
                                             std::string_view counter) const {
  std::uint64_t value = 0;
  const auto done = inside(node, [&]() -> Result<void> {
    // Pairs of lines: "MPTcpExt: name name ..." and "MPTcpExt: value value ...".
    const auto content = read_file("/proc/thread-self/net/netstat");
    if (!content) return std::unexpected(content.error());
    std::istringstream lines(*content);
    std::string names;
    std::string values;
    while (std::getline(lines, names) && std::getline(lines, values)) {
      std::istringstream name_words(names);
      std::istringstream value_words(values);
      std::string name;
      std::string text;
      while (name_words >> name && value_words >> text)
        if (name == counter) value = std::stoull(text);
    }
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return value;
}

}  // namespace anabranch::lab
