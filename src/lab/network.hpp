// SPDX-License-Identifier: MIT
// A topology made real: one network namespace a node, veth pairs for cables, the wire process for
// emulated links, a bridge for each LAN, and the roles as processes. Everything ends with this
// object.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "kernel/process.hpp"
#include "lab/topology.hpp"
#include "lab/wire.hpp"

namespace anabranch::lab {

class Network {
 public:
  /// Builds namespaces, links, addresses and routes; starts no role. Must run inside the sandbox.
  static Result<std::unique_ptr<Network>> build(const Topology& topology);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const Topology& topology() const { return topology_; }

  /// Starts every role of `node` in order.
  Result<void> start_roles(std::string_view node);
  Result<void> start_role(std::string_view node, const Role& role);
  /// SIGTERM, then SIGKILL; returns the exit code.
  Result<int> stop_role(std::string_view node, std::string_view role);
  /// SIGKILL; returns once it is gone.
  Result<void> kill_role(std::string_view node, std::string_view role);
  /// The role of that name as the topology has it.
  Result<void> start_role(std::string_view node, std::string_view role);
  Result<pid_t> role_pid(std::string_view node, std::string_view role) const;
  pid_t wire_pid() const { return wire_process_.pid(); }
  /// The last lines of every role's log, for a failure message.
  std::string logs(unsigned lines_each = 12) const;

  /// Options that run `argv` in the node: its namespace, its own /run, its environment. "anabranch"
  /// as the first word is this executable.
  Result<kernel::SpawnOptions> in_node(std::string_view node, std::vector<std::string> argv) const;
  /// Runs a command in the node to its end.
  Result<kernel::CommandOutput> run(std::string_view node, std::vector<std::string> argv,
                                    nanoseconds patience = seconds(20)) const;
  /// Runs `work` with the calling thread in the node's network namespace.
  Result<void> inside(std::string_view node, const std::function<Result<void>()>& work) const;
  /// Asks a role in the node through its status socket.
  Result<std::string> ask(std::string_view node, std::string_view role,
                          std::string_view verb) const;

  WireControl& wire() { return *wire_control_; }

  /// Pulls the cable of a LAN's port, at the switch, or puts it in again.
  Result<void> plug(std::string_view node, std::string_view interface, bool in) const;
  /// Of a cable's end: every packet then crosses by itself.
  Result<void> turn_offloads_off(std::string_view node, const std::string& interface) const;

  struct Octets {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
  };
  Result<Octets> interface_octets(std::string_view node, std::string_view interface) const;
  /// One counter of /proc/net/netstat, as "MPJoinAckRx" of "MPTcpExt"; zero when absent.
  Result<std::uint64_t> mptcp_counter(std::string_view node, std::string_view counter) const;

 private:
  struct NodeState {
    UniqueFd netns;
    std::map<std::string, kernel::Process, std::less<>> roles;
  };

  explicit Network(Topology topology) : topology_(std::move(topology)) {}
  Result<void> make_nodes();
  Result<void> make_links();
  Result<void> make_lans();
  Result<void> configure(const Node& node);
  Result<void> start_wire();
  Result<const NodeState*> state(std::string_view node) const;
  int netns(const std::string& node) const { return nodes_.find(node)->second.netns.get(); }

  Topology topology_;
  std::map<std::string, NodeState, std::less<>> nodes_;
  UniqueFd wire_netns_;
  std::vector<WireLink> wire_links_;
  UniqueFd wire_socket_;
  std::unique_ptr<WireControl> wire_control_;
  kernel::Process wire_process_;
};

/// Where a node's files are inside the sandbox; the node sees this folder as /run.
std::string node_directory(std::string_view node);
/// Where a role in a node answers: "gateway", "host-eth0".
std::string status_socket(std::string_view node, std::string_view role);
/// Role files appear there in the node.
inline constexpr std::string_view kNodeFiles = "/run/lab";

}  // namespace anabranch::lab
