// SPDX-License-Identifier: MIT
// net.ipv4.tcp_fastopen: data in SYNs (RFC 7413) is a switch of the network namespace, with a bit
// for each side.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::proxy {

class FastOpen {
 public:
  enum Side : unsigned { kClient = 1, kServer = 2 };

  /// `file` keeps what was there before, also for a later process.
  FastOpen(std::filesystem::path file, Side side) : saved_(std::move(file)), side_(side) {}

  static bool is_on(Side side);
  /// Adds the bit where it is missing. Without the right to do so this is said in the log:
  /// connections then take one round trip more.
  void enable();
  Result<void> restore() { return saved_.restore(); }

 private:
  kernel::SavedSysctls saved_;
  Side side_;
};

}  // namespace anabranch::proxy
