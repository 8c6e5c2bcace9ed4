// SPDX-License-Identifier: MIT
// Reads the figures of the connections whose turn it is. Many are read with few system calls; of a
// connection that has not moved for a while only the connection itself is read.
#pragma once

#include <functional>
#include <map>
#include <span>

#include "kernel/socket_diag.hpp"
#include "paths/decider.hpp"

namespace anabranch::paths {

class Sampler {
 public:
  explicit Sampler(kernel::SocketDiag& diag) : diag_(diag) {}

  /// Tells input::Sample for each, or input::Gone.
  Result<void> read(std::span<const Token> tokens, const std::map<Token, Connection>& connections,
                    const std::function<void(Input)>& tell);
  void forget(Token token) { seen_.erase(token); }

 private:
  /// What shows that a connection has moved.
  struct Moved {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t acknowledged = 0;
    std::size_t subflows = 0;
    bool operator==(const Moved&) const = default;
  };
  struct Seen {
    Moved state;
    MonotonicTime at{};
  };
  kernel::SocketDiag& diag_;
  std::map<Token, Seen> seen_;
};

}  // namespace anabranch::paths
