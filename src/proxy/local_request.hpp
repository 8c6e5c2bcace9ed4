// SPDX-License-Identifier: MIT
// A connection that a client has asked for in words, at a local door. From then on it is one like
// those that are taken, but for its ends: the client is told what became of it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "proxy/client_table.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

/// In the words of the client's protocol.
class Asker {
 public:
  virtual ~Asker() = default;
  /// What the client gets before the first octet of the destination.
  virtual signalling::Octets established() const = 0;
  /// Takes the client, watched by nobody any more, and tells it why not.
  virtual void failed(UniqueFd client, ClientTable::Ticket ticket,
                      const signalling::Outcome& outcome) = 0;
};

struct Destination {
  Endpoint endpoint;
  std::string_view direct = {};  ///< why no converter is asked, a name for counters; empty: one is
};

struct LocalRequest {
  UniqueFd client;
  Endpoint peer;
  ClientTable::Ticket ticket;
  /// At least one; of several, which a name has, the next is tried when one fails.
  std::vector<Destination> destinations;
  signalling::Octets early;  ///< what the client has sent after its request
  std::unique_ptr<Asker> asker;
};

}  // namespace anabranch::proxy
