// SPDX-License-Identifier: MIT
// What a converter needs of the kernel to have connections at addresses that are not its own: of
// clients whose addresses it keeps (servers' answers pass this machine, and belong to its sockets),
// and whole addresses that it leads to a CPE.
#pragma once

#include <span>

#include "base/result.hpp"
#include "proxy/whole_address.hpp"

namespace anabranch::proxy {

class ConverterPackets {
 public:
  /// Sets it up, or changes the whole addresses; connections that there are go on.
  static Result<void> lead(std::span<const WholeAddress> addresses);
  /// What is not there is no error.
  static Result<void> stop();
};

}  // namespace anabranch::proxy
