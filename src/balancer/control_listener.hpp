// SPDX-License-Identifier: MIT
// The balancer's end of the control channel: takes connections of servers, keeps what each of them
// says of its tokens, and tells all of them which places of the rings had which owner before.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "balancer/control_session.hpp"
#include "balancer/plan.hpp"
#include "balancer/settings.hpp"
#include "base/loop.hpp"

namespace anabranch::balancer {

class ControlListener {
 public:
  /// Called inside the loop, never inside a call to this object.
  struct Events {
    /// What is new: what a server says again after it was away is compared with what it had said
    /// before, and a token it does not say again is gone. At most 16,376 at a time.
    std::function<void(std::uint16_t server, std::span<const std::uint32_t> learned,
                       std::span<const std::uint32_t> gone)>
        tokens;
    /// Its tokens live on while it is away: what is gone is the channel.
    std::function<void(std::uint16_t server, bool is_connected)> presence;
    std::function<void(std::uint16_t server, const ServerState&)> state;
    /// A history is in force there: has_taken() may be another now.
    std::function<void(std::uint16_t server)> taken;
  };
  struct Limits {
    std::size_t strangers = 64;      ///< connections that have not proved yet to have the key
    std::size_t tokens = 4'000'000;  ///< of all servers together; more are refused and counted
  };
  struct Counts {
    std::uint64_t connections = 0;  ///< that were opened, with a handshake
    std::uint64_t bad_macs = 0;
    std::uint64_t malformed = 0;
    std::uint64_t refused = 0;      ///< servers that this balancer does not know
    std::uint64_t timeouts = 0;     ///< handshakes that took too long, and servers that fell silent
    std::uint64_t slow = 0;         ///< servers that did not read
    std::uint64_t crowded_out = 0;  ///< strangers that went for newer ones
    std::uint64_t refused_tokens = 0;  ///< over the limit
  };
  struct Presence {
    std::string name;
    bool is_connected = false;
    std::size_t tokens = 0;
    ServerState state = {};  ///< as it said last
  };

  /// Listens on those of the addresses that are this machine's. An error when none is, when another
  /// process has one, or when the key cannot be read.
  static Result<ControlListener> open(Loop& loop, const ControlSettings& settings,
                                      std::span<const Server> servers, Events events);
  static Result<ControlListener> open(Loop& loop, const ControlSettings& settings,
                                      std::span<const Server> servers, Events events,
                                      const Limits& limits);
  ControlListener(ControlListener&&) noexcept;
  ControlListener& operator=(ControlListener&&) noexcept;
  ~ControlListener();

  /// Takes the servers that may come from now on. One that may not any more is cut off, and its
  /// tokens are forgotten without an event. True when there is a newcomer, from whose places others
  /// may have connections: rings have been published before.
  bool set_servers(std::span<const Server> servers);

  /// To be called with all rings at the start and before each change of one: tells what changes
  /// owners to those who are connected, and to those who come within 240 s.
  void publish(const ServiceNumbers& services, const Rings& rings);
  /// A newcomer is expected to connect within this time.
  static constexpr milliseconds kNewcomer{2000};
  /// All that this server was told is in force there, or it is not connected nor a newcomer.
  bool has_taken(std::uint16_t server) const;

  /// Every server that may come, by its id.
  std::map<std::uint16_t, Presence> servers() const;
  Counts counts() const;
  /// Where it listens.
  std::vector<Endpoint> endpoints() const;

 private:
  struct Impl;
  explicit ControlListener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::balancer
