// SPDX-License-Identifier: MIT
// A client's connection to the converter until it is relayed or over:
//
//   hearing ---> connecting ---> answering ---> relayed (Relays has it, the session is gone)
//      |             |               |
//      +-------------+---------------+---> leaving: the reply is sent, then closed in order, so
//                                          that an Error reaches the client before a RST would
//
// One fault of the kernel decides when we answer: what is written to an MPTCP socket that was
// accepted out of a SYN with data, before the third ACK has come, is never sent. So nothing is
// written until the first subflow is established, which is looked at every millisecond; there is
// no event for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "kernel/stream_socket.hpp"
#include "proxy/client_table.hpp"
#include "proxy/converter_access.hpp"
#include "proxy/watching.hpp"
#include "relay/reactor.hpp"
#include "relay/relay.hpp"
#include "signalling/convert.hpp"

namespace anabranch::proxy {

class ConverterPlane;

class ConverterSession {
 public:
  ConverterSession(ConverterPlane& plane, kernel::Accepted accepted, ClientTable::Ticket ticket);
  ~ConverterSession();
  ConverterSession(const ConverterSession&) = delete;
  ConverterSession& operator=(const ConverterSession&) = delete;

  /// May destroy the session, as every function below.
  void begin(ClientTable::Admission admission);
  /// Octets of the client that are kept.
  std::size_t held() const { return heard_.capacity() + to_server_.capacity(); }

 private:
  enum class Phase : std::uint8_t { kHearing, kConnecting, kAnswering, kLeaving };

  void client_ready(std::uint32_t events);
  void upstream_ready(std::uint32_t events);
  void too_late();
  void look();

  void hear();
  void connect(const signalling::Asked& asked);
  Result<UniqueFd> open_upstream();
  Result<void> choose_source(int fd, Family family);
  void connected();
  void tell(const signalling::Outcome& outcome, std::string_view name);
  /// Sends `octets` when that is possible, and leaves.
  void reply(signalling::Octets octets, std::string_view name);
  void answer_when_possible();
  void relay_on();
  std::unique_ptr<relay::Relays::Listener> relayed();
  void leave();
  void drain();
  void end(std::string_view name);
  void reset(std::string_view name);

  ConverterPlane& plane_;
  UniqueFd client_;
  UniqueFd upstream_;
  Endpoint peer_;
  Endpoint own_;
  Endpoint server_;
  IpAddress source_;  ///< whose connection it is
  bool mptcp_;
  bool upstream_mptcp_ = false;
  Phase phase_ = Phase::kHearing;
  ClientTable::Ticket ticket_;
  ClientTable::Admission admission_ = ClientTable::Admission::kYes;
  std::shared_ptr<const signalling::ConvertCookies> cookies_;
  std::unique_ptr<signalling::Acceptor> acceptor_;
  signalling::Octets heard_;
  std::vector<signalling::TcpOption> wanted_;  ///< in the SYN to the server
  signalling::Octets to_server_;               ///< goes first: what came with the request
  signalling::Octets answer_;
  WatchedSide<ConverterSession, &ConverterSession::client_ready> client_side_{*this};
  WatchedSide<ConverterSession, &ConverterSession::upstream_ready> upstream_side_{*this};
  Alarm<ConverterSession, &ConverterSession::too_late> deadline_{*this};
  Alarm<ConverterSession, &ConverterSession::look> next_look_{*this};
};

}  // namespace anabranch::proxy
