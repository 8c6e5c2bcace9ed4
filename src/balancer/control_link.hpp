// SPDX-License-Identifier: MIT
// A server's end of the control channel: a connection to every balancer of [control] listen, made
// anew when it ends, after 0.2 to 10 s. Each is told all tokens at its beginning and changes from
// then on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "balancer/control_session.hpp"
#include "balancer/settings.hpp"
#include "base/loop.hpp"

namespace anabranch::balancer {

class ControlLink {
 public:
  /// Called inside the loop, never inside a call to this object.
  struct Events {
    /// Whole, whatever frames it came in; the balancer hears that it is in force when this returns.
    /// Several balancers tell the same, each when it sees it. A run whose `previous` is this server
    /// itself says nothing to it: what it knows of an earlier owner of that place holds on.
    std::function<void(const Endpoint& balancer, const History&)> history;
    std::function<void(const Endpoint& balancer, bool is_connected)> presence;
  };
  struct Self {
    std::uint16_t id = 0;
    std::string name;  ///< both as in [[server]]
  };
  struct Balancer {
    Endpoint address;
    bool is_connected = false;
    std::string trouble;  ///< why it is not, as far as that is known
  };

  /// Begins to connect. An error when the key cannot be read.
  static Result<ControlLink> open(Loop& loop, const ControlSettings& settings, const Self& self,
                                  Events events);
  ControlLink(ControlLink&&) noexcept;
  ControlLink& operator=(ControlLink&&) noexcept;
  ~ControlLink();

  /// Tokens of connections that have begun to live on this server, or have ended; one in both lists
  /// has ended. Kept for balancers that are not connected now. To be called with many at a time
  /// rather than many times.
  void tell_tokens(std::span<const std::uint32_t> learned, std::span<const std::uint32_t> gone);
  /// Kept, too; told only when it differs from what was told last.
  void tell_state(const ServerState& state);

  std::vector<Balancer> balancers() const;

 private:
  struct Impl;
  explicit ControlLink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::balancer
