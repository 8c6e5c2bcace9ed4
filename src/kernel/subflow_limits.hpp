// SPDX-License-Identifier: MIT
// Send limits of single MPTCP subflows by their local address, for the sockets of every process of
// a cgroup. The kernel's scheduler fills a slow subflow as readily as a fast one; a socket option
// of the application holds for all its subflows alike. A BPF program sets the options on each
// subflow when its handshake is complete: subflows that exist already keep what they have.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

/// What is 0 is left alone.
struct SubflowLimit {
  /// SO_SNDBUF in octets; the kernel doubles it, and bounds it by net.core.wmem_max before. Turns
  /// the automatic growth of this subflow's buffer off.
  std::uint32_t send_buffer = 0;
  /// TCP_NOTSENT_LOWAT in octets: no more is given to the subflow while this much waits unsent.
  std::uint32_t unsent_low_water = 0;
};

class SubflowLimits {
 public:
  /// Attaches to the cgroup (version 2) at this path, for the sockets of the calling thread's
  /// network namespace; empty: all cgroups. It is in force as long as the object or its process
  /// lives. kNotPermitted where no BPF program may be loaded (CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN;
  /// never in a user namespace).
  static Result<SubflowLimits> open(const std::string& cgroup = {});
  /// Whether the kernel takes the program; attaches it to nothing. The same errors.
  static Result<void> loadable();

  SubflowLimits(SubflowLimits&&) noexcept;
  SubflowLimits& operator=(SubflowLimits&&) noexcept;
  ~SubflowLimits();

  /// For subflows from `local` from now on; replaces an earlier limit.
  Result<void> set(const IpAddress& local, const SubflowLimit& limit);
  /// Having none is success.
  Result<void> clear(const IpAddress& local);

 private:
  class Program;
  explicit SubflowLimits(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace anabranch::kernel
