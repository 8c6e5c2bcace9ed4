// SPDX-License-Identifier: MIT
// The last words to a client whose connection is not made: they are sent, then the connection is
// closed in order. What is left unread at close() would make it a reset, which may overtake them.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/fd.hpp"
#include "proxy/client_table.hpp"
#include "proxy/watching.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

/// All that are under way on a reactor.
class Farewells {
 public:
  explicit Farewells(relay::Reactor& reactor);
  ~Farewells();
  Farewells(const Farewells&) = delete;
  Farewells& operator=(const Farewells&) = delete;

  /// `client`: watched by nobody. `ticket` counts until it has gone.
  void say(UniqueFd client, const signalling::Octets& words, ClientTable::Ticket ticket);
  std::uint64_t running() const { return all_.size(); }

 private:
  class Farewell;

  relay::Reactor& reactor_;
  std::unordered_map<Farewell*, std::unique_ptr<Farewell>> all_;
};

}  // namespace anabranch::proxy
