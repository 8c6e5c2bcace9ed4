// SPDX-License-Identifier: MIT
// Commands to single connections whose path manager lives in user space (net.mptcp.pm_type=1 when
// their socket was made). Every command is carried out before it returns, in a fraction of a
// millisecond; what becomes of a new subflow comes later as an event.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

class MptcpCommands {
 public:
  static Result<MptcpCommands> open();

  struct NewSubflow {
    std::uint32_t token = 0;
    std::uint8_t local_id = 0;
    IpAddress local;
    std::uint16_t local_port = 0;  ///< 0: the kernel chooses
    unsigned ifindex = 0;          ///< bound to the interface; 0: not
    Endpoint remote;               ///< with a port
    bool backup = false;           ///< MP_JOIN with B
  };
  /// SUBFLOW_CREATE.
  Result<void> create(const NewSubflow& subflow);
  /// SUBFLOW_DESTROY: FIN or RST on that subflow, no REMOVE_ADDR.
  Result<void> destroy(std::uint32_t token, const Endpoint& local, const Endpoint& remote);
  /// ANNOUNCE: ADD_ADDR with the port when it is not 0. Opens no listener. May be repeated.
  Result<void> announce(std::uint32_t token, std::uint8_t id, const Endpoint& local,
                        unsigned ifindex = 0);
  /// REMOVE: REMOVE_ADDR of the id, 0 for the initial subflow's; its subflows are closed.
  Result<void> remove(std::uint32_t token, std::uint8_t id);
  /// SET_FLAGS: MP_PRIO on that one subflow.
  Result<void> set_backup(std::uint32_t token, const Endpoint& local, const Endpoint& remote,
                          bool backup);
  /// Whether the kernel's own path manager has the connection: it then refuses every command.
  bool is_the_kernels(std::uint32_t token);

 private:
  MptcpCommands(NetlinkSocket socket, std::uint16_t family)
      : socket_(std::move(socket)), family_(family) {}
  NetlinkSocket socket_;
  std::uint16_t family_;
};

/// Which path manager new sockets of this namespace get.
enum class PathManagerType : std::uint8_t { kKernel, kUserspace };
Result<PathManagerType> path_manager_type();
Result<void> set_path_manager_type(PathManagerType type);

}  // namespace anabranch::kernel
