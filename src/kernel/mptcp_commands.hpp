// SPDX-License-Identifier: MIT
// Commands to single connections whose path manager lives in user space (net.mptcp.pm_type=1 when
// their socket was made). Every command is carried out before it returns, in a fraction of a
// millisecond; what becomes of a new subflow comes later as an event.
//
// They need CAP_NET_ADMIN and work in the network namespace that open() was called in. Errors have
// the kernel's own words, and last_netlink_error() its number: ESRCH when there is no such
// connection, EINVAL for one of the kernel's own path manager and for what is wrong with an id.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

class MptcpCommands {
 public:
  /// Fails with kNotPermitted and a hint when this kernel has no MPTCP path manager.
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
  /// SUBFLOW_CREATE: MP_JOIN (RFC 8684 section 3.2). An address without a port of its own has one
  /// id in a connection; a second one is EINVAL.
  Result<void> create(const NewSubflow& subflow);
  /// SUBFLOW_DESTROY: FIN or RST on that subflow, no REMOVE_ADDR.
  Result<void> destroy(std::uint32_t token, const Endpoint& local, const Endpoint& remote);
  /// ANNOUNCE: ADD_ADDR (RFC 8684 section 3.4.1) with the port when it is not 0. Opens no listener.
  /// May be repeated.
  Result<void> announce(std::uint32_t token, std::uint8_t id, const Endpoint& local,
                        unsigned ifindex = 0);
  /// REMOVE: REMOVE_ADDR (RFC 8684 section 3.4.2) of the id, 0 for the initial subflow's; its
  /// subflows are closed. After destroy() the id is not known any more.
  Result<void> remove(std::uint32_t token, std::uint8_t id);
  /// SET_FLAGS: MP_PRIO (RFC 8684 section 3.3.8) on that one subflow.
  Result<void> set_backup(std::uint32_t token, const Endpoint& local, const Endpoint& remote,
                          bool backup);
  /// Whether the kernel's own path manager has the connection: it then refuses every command. Also
  /// true of a connection that is gone.
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

/// The sysctl of this kernel that says so and its value for `type`: for who has to remember what it
/// was (SavedSysctls). kNotPermitted when the kernel has none.
struct PathManagerSysctl {
  std::string key;
  std::string value;
};
Result<PathManagerSysctl> path_manager_sysctl(PathManagerType type);

}  // namespace anabranch::kernel
