// SPDX-License-Identifier: MIT
// Ends joins that wait for an answer. No event tells the port that the kernel has given one, so it
// is looked up in the kernel's table of sockets; many that end together share one look.
#pragma once

#include <vector>

#include "kernel/socket_diag.hpp"
#include "paths/model.hpp"

namespace anabranch::paths {

class UnansweredJoins {
 public:
  explicit UnansweredJoins(kernel::SocketDiag& diag) : diag_(diag) {}

  /// Every join of the connection between the two that had left `kFresh` ago. One that has been
  /// answered meanwhile goes as well; there being none is success.
  Result<void> end(Token token, const IpAddress& local, const Endpoint& remote, MonotonicTime now);

 private:
  /// For so long a look is good enough: what is given up is older.
  static constexpr milliseconds kFresh{200};
  kernel::SocketDiag& diag_;
  std::vector<kernel::SubflowDiag> seen_;
  MonotonicTime looked_{};
};

}  // namespace anabranch::paths
