// SPDX-License-Identifier: MIT
// A session of the control channel over a socket, of either end. Nothing here waits.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "balancer/control_session.hpp"
#include "base/fd.hpp"
#include "base/loop.hpp"

namespace anabranch::balancer {

class ControlConnection {
 public:
  struct Events {
    /// The peer has proved that it has the key.
    std::function<void()> opened;
    std::function<void(const ControlSession::Message&)> heard;
    /// The connection is over, and this the last call. Never comes out of a call to the connection,
    /// which may be destroyed in it.
    std::function<void(const ControlFault&)> closed;
  };

  /// `fd` is connected and does not block; `loop` outlives it.
  ControlConnection(Loop& loop, UniqueFd fd, ControlSession session, Events events);
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;
  ~ControlConnection() = default;

  const ControlSession& session() const { return session_; }
  /// Nothing is told any more to a peer that has gone.
  void tell(const ControlSession::Message& message);
  void tell(std::uint8_t type, std::span<const wire::ControlOctets> bodies);
  /// Ends it, soon.
  void end(ControlFault fault);

 private:
  using Told = std::expected<void, ControlFault>;
  void read();
  void hear(std::span<const std::uint8_t> octets);
  void flush();
  void await_room();
  void keep_looking();
  void after(const Told& told);

  Loop& loop_;
  UniqueFd fd_;
  /// The same socket: a descriptor is watched for one of reading and writing, and while it cannot
  /// be written to it must be read, or two peers with much to say would wait for each other.
  UniqueFd write_fd_;
  ControlSession session_;
  Events events_;
  std::optional<ControlFault> fault_;
  Loop::Handle readable_;
  Loop::Handle writable_;
  Loop::Handle timer_;
};

}  // namespace anabranch::balancer
