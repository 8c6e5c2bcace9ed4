// SPDX-License-Identifier: MIT
// What runs in the balanced network: the balancer, nginx and the agent beside it on the servers,
// their settings, and what the clients' kernels are told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/balanced_cures.hpp"
#include "lab/network.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

/// What keeps connections at their server when others come and go.
enum class Memory : std::uint8_t {
  kTable,  ///< the balancer's, of connections
  kNone,   ///< nothing: the ring alone decides
  kChain   ///< the servers': they send on to the owner of before, of whom the control channel tells
};

/// What balancer.toml says: one service.
struct BalancerFile {
  Cure cure = Cure::kPort;
  Family family = Family::kIpv4;
  std::vector<unsigned> weights;  ///< of server 1, 2, ...
  Memory memory = Memory::kTable;

  unsigned servers() const { return static_cast<unsigned>(weights.size()); }
};

std::string balancer_toml(const BalancerFile& file);
Role balancer_role(const BalancerFile& file);
/// `anabranch balancer server`, with the same file.
Role agent_role(unsigned number, const BalancerFile& file);
/// nginx under `anabranch run`, which says in each reply which server it is.
Role web_server_role(unsigned number);

/// kNotPermitted where no BPF program may be loaded.
Result<void> balancer_is_allowed();

/// A BPF file system for the pins of the balancer and of each server. Once in a network.
Result<void> give_pins(const Network& network);

/// Returns when it steers.
Result<void> start_balancer(Network& network, const BalancerFile& file);
/// The data plane goes on.
Result<void> stop_balancer(Network& network);
Result<void> kill_balancer(Network& network);
/// The running one takes new settings.
Result<void> reload_balancer(Network& network, const BalancerFile& file);
/// Stops it, and the data plane is gone with all connections it remembered.
Result<void> remove_balancer(Network& network);

/// What every server has for clients.
struct Piece {
  std::string octets;
  std::string sha256;
};
Piece make_piece(std::size_t octets);

/// nginx on the servers from `first` to `last`; returns when all listen.
Result<void> start_web_servers(Network& network, unsigned first, unsigned last, const Piece& piece);

/// The agents on the servers of `file` tell clients where further subflows go, and clients have a
/// second address for them.
Result<void> tell_of_joins(Network& network, const BalancerFile& file);

/// The whole cluster with its default settings, for `lab shell`.
Result<nanoseconds> start_balanced_for_shell(Network& network);

/// What a server's kernel counted; a difference of two looks tells what happened in between.
struct ServerCounters {
  std::uint64_t capable = 0;    ///< MPTCP connections accepted
  std::uint64_t joined = 0;     ///< their further subflows accepted
  std::uint64_t misrouted = 0;  ///< further subflows of connections it does not have

  ServerCounters operator-(const ServerCounters& other) const {
    return {capable - other.capable, joined - other.joined, misrouted - other.misrouted};
  }
};
/// Of server 1, 2, ...
Result<std::vector<ServerCounters>> server_counters(const Network& network, unsigned servers);
ServerCounters sum(const std::vector<ServerCounters>& counters);
/// One by one.
std::vector<ServerCounters> difference(const std::vector<ServerCounters>& after,
                                       const std::vector<ServerCounters>& before);

}  // namespace anabranch::lab
