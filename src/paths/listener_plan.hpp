// SPDX-License-Identifier: MIT
// Where joins to an announced address arrive. A join needs a socket that listens: the application's
// own when it covers the address, else one that the daemon opens, on the same port of that address
// when it is free and on any port when not. One listener serves all connections and is closed a
// while after the last of them has gone. Pure: asks and orders by actions, learns by inputs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "paths/action.hpp"
#include "paths/input.hpp"

namespace anabranch::paths {

class ListenerPlan {
 public:
  /// A listener nobody needs stays open this long: short connections follow each other.
  static constexpr nanoseconds kLinger = seconds(10);

  struct Place {
    enum class State : std::uint8_t {
      kPending,  ///< asked for; answered() names the connection when it is known
      kCovered,  ///< the application listens there
      kOurs,     ///< our listener does, on `port`
      kNone,     ///< no listener could be opened
    };
    State state = State::kPending;
    std::uint16_t port = 0;
  };
  /// For a connection of the server's side: joins to `wanted`, its own port at another address.
  Place find(Token token, const Endpoint& wanted, std::vector<Action>& out);
  /// For a connection of the client's side, on whose port nobody listens: any port.
  Place find_any(Token token, const IpAddress& address, std::vector<Action>& out);

  /// Takes an answer; the connections that waited for it.
  std::vector<Token> answered(const input::Listening& answer, std::vector<Action>& out);
  /// An application's listener on the port came or went.
  void listener_changed(std::uint16_t port);
  /// Nothing that was learned about applications' listeners is sure any more.
  void forget_listeners();
  /// The address came, changed or went: what was learned of listeners at it is asked anew.
  void address_changed(const IpAddress& address);
  /// The connection does not use the address any more; any address.
  void release(Token token, const IpAddress& address, MonotonicTime now);
  void release(Token token, MonotonicTime now);
  void tick(MonotonicTime now, std::vector<Action>& out);
  std::optional<MonotonicTime> next() const;

 private:
  enum class Known : std::uint8_t { kAsked, kOpeningSame, kOpeningAny, kCovered, kOurs, kNone };
  struct Want {
    Known known = Known::kAsked;
    std::uint16_t port = 0;  // of our listener
    std::set<Token> waiting;
  };
  struct Own {
    std::set<Token> users;
    std::optional<MonotonicTime> idle_since;
  };
  Place place(Token token, const Endpoint& wanted, Want& want);
  void open_any(const Endpoint& wanted, Want& want, std::vector<Action>& out);
  void opened(const Endpoint& wanted, Want& want, std::uint16_t port, std::vector<Token>& waited);

  std::map<Endpoint, Want> wants_;  // port 0: any
  std::map<Endpoint, Own> own_;
};

}  // namespace anabranch::paths
