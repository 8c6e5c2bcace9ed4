// SPDX-License-Identifier: MIT
// The in-kernel MPTCP path manager of the calling thread's network namespace, over generic netlink.
// Numbers are our own: the system's headers may be older than the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

struct MptcpEndpoint {
  static constexpr std::uint32_t kSignal = 1u << 0;   ///< announced to the peer by ADD_ADDR
  static constexpr std::uint32_t kSubflow = 1u << 1;  ///< a source of further subflows
  static constexpr std::uint32_t kBackup = 1u << 2;
  static constexpr std::uint32_t kFullmesh = 1u << 3;
  static constexpr std::uint32_t kImplicit = 1u << 4;  ///< made by the kernel itself

  std::uint8_t id = 0;  ///< 0: the kernel chooses
  IpAddress address;
  std::uint16_t port = 0;
  std::uint32_t flags = 0;
  unsigned ifindex = 0;

  bool operator==(const MptcpEndpoint&) const = default;
};

struct MptcpLimits {
  std::uint32_t accepted_addresses = 0;  ///< ADD_ADDRs of the peer that are followed
  std::uint32_t subflows = 0;            ///< extra subflows a connection
  bool operator==(const MptcpLimits&) const = default;
};

class MptcpPathManager {
 public:
  /// Fails with kNotPermitted and a hint when this kernel has no MPTCP.
  static Result<MptcpPathManager> open();

  Result<std::vector<MptcpEndpoint>> endpoints();
  /// New connections use it, and running ones get their further subflow.
  Result<void> add(const MptcpEndpoint& endpoint);
  /// Sends RM_ADDR and closes its subflows. Removing what is gone already is success.
  Result<void> remove(const MptcpEndpoint& endpoint);
  Result<MptcpLimits> limits();
  Result<void> set_limits(const MptcpLimits& limits);

 private:
  MptcpPathManager(NetlinkSocket socket, std::uint16_t family)
      : socket_(std::move(socket)), family_(family) {}
  Message command(int number, int flags = 0) const;
  NetlinkSocket socket_;
  std::uint16_t family_;
};

}  // namespace anabranch::kernel
