// SPDX-License-Identifier: MIT
// The listening sockets of the path manager itself: they are there so that the kernel accepts joins
// to an announced address where the application does not listen. Nobody is served on them: who
// connects without joining is reset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "kernel/socket_diag.hpp"
#include "paths/input.hpp"

namespace anabranch::paths {

class Listeners {
 public:
  /// Descriptors are a bounded good; beyond this many open() answers no.
  static constexpr std::size_t kMost = 256;

  /// Both must outlive the Listeners; sockets are made in the calling thread's namespace.
  Listeners(Loop& loop, kernel::SocketDiag& sockets) : loop_(loop), sockets_(sockets) {}

  /// Carries out action::AskListening: whether a join to the endpoint would be answered.
  input::Listening ask(const Endpoint& endpoint);
  /// Carries out action::OpenListener; the answer of a port 0 has the port that was chosen. Why one
  /// cannot be opened is logged, not told: the Announcer tries another port or none.
  input::Listening open(const Endpoint& endpoint);
  /// Carries out action::CloseListener. Joined subflows stay.
  void close(const Endpoint& endpoint) { open_.erase(endpoint); }

  std::size_t size() const { return open_.size(); }
  /// Connections that were no joins, reset so far.
  std::uint64_t refused() const { return refused_; }

 private:
  struct Listener {
    UniqueFd fd;
    Loop::Handle readable;  // goes before the descriptor
  };
  void refuse_waiting(int fd);

  Loop& loop_;
  kernel::SocketDiag& sockets_;
  std::map<Endpoint, Listener> open_;
  std::uint64_t refused_ = 0;
  log::RateLimit refusal_lines_{std::chrono::seconds(60)};
};

}  // namespace anabranch::paths
