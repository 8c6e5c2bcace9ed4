// SPDX-License-Identifier: MIT
// What a converter that keeps its clients' addresses needs of the kernel: answers of servers to
// these addresses pass this machine, and belong to its sockets.
#pragma once

#include "base/result.hpp"

namespace anabranch::proxy {

class Preservation {
 public:
  static Result<void> start();
  /// What is not there is no error.
  static Result<void> stop();
};

}  // namespace anabranch::proxy
