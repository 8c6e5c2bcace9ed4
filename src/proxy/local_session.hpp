// SPDX-License-Identifier: MIT
// What a client of a local door says until it has asked for a connection:
//
//   hearing ---> looking up ---> CpePlane::serve() (the session is gone)
//      |             |
//      +-------------+---> told why not, and closed in order
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "kernel/stream_socket.hpp"
#include "proxy/client_table.hpp"
#include "proxy/local_plane.hpp"
#include "proxy/watching.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

class LocalSession {
 public:
  LocalSession(LocalPlane& plane, std::uint64_t id, kernel::Accepted accepted,
               ClientTable::Ticket ticket);
  ~LocalSession();
  LocalSession(const LocalSession&) = delete;
  LocalSession& operator=(const LocalSession&) = delete;

  /// May destroy the session, as every function below.
  void begin();
  void resolved(NameResolver::Answer answer);

 private:
  void client_ready(std::uint32_t events);
  void too_late();

  void hear();
  /// False: the session is gone.
  bool say(const signalling::Octets& octets);
  void asked(const signalling::Asked& asked);
  void serve(const std::vector<IpAddress>& addresses);
  void refuse(const signalling::Outcome& outcome, std::string_view name);
  void leave(const signalling::Octets& words, std::string_view name);
  void reset(std::string_view name);

  LocalPlane& plane_;
  const std::uint64_t id_;
  UniqueFd client_;
  Endpoint peer_;
  ClientTable::Ticket ticket_;
  std::unique_ptr<signalling::Acceptor> acceptor_;
  signalling::Octets heard_;
  bool looking_up_ = false;
  std::size_t consumed_ = 0;
  std::uint16_t port_ = 0;
  WatchedSide<LocalSession, &LocalSession::client_ready> side_{*this};
  Alarm<LocalSession, &LocalSession::too_late> deadline_{*this};
};

}  // namespace anabranch::proxy
