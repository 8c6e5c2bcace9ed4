// SPDX-License-Identifier: MIT
// Everything the Decider is told. An input and its time are all a decision depends on: a recording
// of them (recording.hpp) gives the same decisions again.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "paths/model.hpp"

namespace anabranch::paths {
namespace input {

/// All paths of the machine now.
struct Paths {
  std::vector<Path> paths;
};

/// What the kernel said.
struct Event {
  kernel::MptcpEvent event;
};

/// Who owns a new connection.
struct Owner {
  Token token = 0;
  std::optional<std::uint32_t> uid = std::nullopt;  ///< nothing: nobody yet
  std::string cgroup = {};
};

/// Figures of a connection and of all its subflows, at one moment.
struct Sample {
  kernel::ConnectionInfo connection;
  std::vector<kernel::SubflowDiag> subflows;
};

/// A connection that runs already when the daemon starts, or that a lost event hid.
struct Adopted {
  kernel::ConnectionInfo connection;
  std::vector<kernel::SubflowDiag> subflows;
  std::vector<PeerAddress> peer_addresses;  ///< remembered from before
  std::vector<OwnAddress> own_addresses;    ///< the same: ids that are used up
  bool server_side = false;
  bool deny_join_id0 = false;
  bool observed_only = false;  ///< known to be the kernel's path manager's
};

/// The kernel has no such connection any more (found by a re-read).
struct Gone {
  Token token = 0;
};

/// A probe's answer. Nothing is told of one that stays unanswered.
struct Probed {
  std::uint64_t id = 0;
  bool answered = false;
  nanoseconds rtt{};
};

/// What a train came to; always told, with zeros when nothing answered.
struct Measured {
  std::uint64_t id = 0;
  unsigned answered = 0;  ///< packets of the train
  nanoseconds rtt{};      ///< smallest
  BitRate rate{};         ///< towards the peer; zero: cannot be told
};

/// An action could not be carried out.
struct Failed {
  std::uint64_t action = 0;  ///< its number
  int error = 0;             ///< errno
  std::string what;
  /// The kernel's own path manager has this connection, which the action was about; 0: that is not
  /// why.
  Token not_ours = 0;
};

/// Whether a socket listens where a SYN to `endpoint` arrives, or the daemon's own listener was
/// opened.
struct Listening {
  Endpoint endpoint;
  bool listens = false;
};

/// Counters of the namespace that only ever grow.
struct Counters {
  std::uint64_t announcements_sent = 0;  ///< MPTcpExtAddAddrTx
  std::uint64_t echoes_received = 0;     ///< MPTcpExtEchoAdd
};

/// Whether limits can be set on single subflows, told once they have been tried.
struct Limits {
  bool active = false;
  std::uint32_t send_buffer = 0;  ///< octets that the fast subflow has with them, as it is shown
};

/// Time has passed.
struct Tick {};

}  // namespace input

using Input = std::variant<input::Paths, input::Event, input::Owner, input::Sample, input::Adopted,
                           input::Gone, input::Probed, input::Measured, input::Failed,
                           input::Listening, input::Counters, input::Limits, input::Tick>;

}  // namespace anabranch::paths
