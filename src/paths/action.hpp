// SPDX-License-Identifier: MIT
// What the Decider wants done. Actions of one decision are carried out in their order.
#pragma once

#include <string>
#include <variant>

#include "paths/model.hpp"

namespace anabranch::paths {
namespace action {

/// MP_JOIN (RFC 8684 section 3.2). What becomes of it comes as an event.
struct CreateSubflow {
  Token token = 0;
  std::uint8_t local_id = 0;
  IpAddress local;
  unsigned ifindex = 0;  ///< it is bound there
  Endpoint remote;
  bool backup = false;  ///< with B
};

/// RST or FIN on that subflow; what it had not delivered is sent again on the others. The kernel
/// forgets the id of its address with it, and what was queued may go on leaving.
struct DestroySubflow {
  Token token = 0;
  SubflowKey key;
};

/// RST at once. The id of its address stays known to the kernel: for one that shares it with
/// others.
struct ResetSubflow {
  Token token = 0;
  SubflowKey key;
  unsigned ifindex = 0;  ///< it is bound there, 0: not
};

/// Ends every join that still waits for an answer: it would go on asking for two minutes.
struct AbandonJoin {
  Token token = 0;
  IpAddress local;
  Endpoint remote;
};

/// REMOVE_ADDR of an id of ours (RFC 8684 section 3.4.2). Always before the subflow's
/// DestroySubflow, after which the kernel would not know the id any more.
struct RemoveAddress {
  Token token = 0;
  std::uint8_t id = 0;
};

/// MP_PRIO (RFC 8684 section 3.3.8). The kernel may pass it over: the next samples tell.
struct SetBackup {
  Token token = 0;
  SubflowKey key;
  bool backup = false;
};

/// ADD_ADDR (RFC 8684 section 3.4.1). Opens no listener.
struct Announce {
  Token token = 0;
  std::uint8_t id = 0;
  Endpoint endpoint;  ///< port 0: that of the connection
  unsigned ifindex = 0;
};

/// Whether a join to the endpoint would be answered. Answered by input::Listening.
struct AskListening {
  Endpoint endpoint;
};
/// Port 0: any. Answered by input::Listening, which has the port.
struct OpenListener {
  Endpoint endpoint;
};
struct CloseListener {
  Endpoint endpoint;
};

/// One SYN without user data; answered by input::Probed, or not at all.
struct Probe {
  std::uint64_t id = 0;
  IpAddress source;
  unsigned ifindex = 0;
  Endpoint remote;
  nanoseconds patience{};  ///< later answers do not count
  /// The path has failed: its next hop may have to be looked for anew, too. The kernel would do
  /// that once a second.
  bool look_for_next_hop = false;
};

/// A train of packets; answered by input::Measured.
struct Measure {
  std::uint64_t id = 0;
  IpAddress source;
  unsigned ifindex = 0;
  Endpoint remote;
};

/// New connections that choose no source address leave by this path. Nothing: as the routes say.
struct PreferPath {
  Family family = Family::kIpv4;
  std::optional<IpAddress> address;
};

/// What new subflows with these local addresses may queue, when we send (needs BPF): the fast one
/// much, the slow ones little. Replaces what was asked for the same family; without a slow one
/// there are no limits.
struct LimitSubflows {
  IpAddress fast;
  std::vector<IpAddress> slow;
};

/// Nothing is done; the monitor and the log tell it. `code` is stable.
struct Note {
  Token token = 0;  ///< 0: of a path
  std::string code;
  std::string text;
};

}  // namespace action

struct Action {
  std::uint64_t number = 0;  ///< of this daemon's life, for input::Failed
  std::string reason;        ///< a stable code: why
  std::variant<action::CreateSubflow, action::DestroySubflow, action::ResetSubflow,
               action::AbandonJoin, action::RemoveAddress, action::SetBackup, action::Announce,
               action::AskListening, action::OpenListener, action::CloseListener, action::Probe,
               action::Measure, action::PreferPath, action::LimitSubflows, action::Note>
      what;
};

}  // namespace anabranch::paths
