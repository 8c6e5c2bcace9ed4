// SPDX-License-Identifier: MIT
// A new daemon takes over the connections that run. Their subflows are read from the kernel; what
// it does not tell (addresses the peer announced, ids used, who opened the connection, the C flag)
// comes from a small file that the daemon before kept up to date.
//
// The file is lines of words, since it is written whole, for ten thousand connections perhaps:
//
//   anabranch-paths 1
//   TOKEN LOCAL REMOTE FLAGS PEER-ADDRESSES OWN-IDS
//   1a2b3c4d 10.1.0.2:40000 198.18.0.1:443 sc 1=198.18.0.2:443,0=198.18.0.1:443 2=10.2.0.2:0
//
// FLAGS: s the peer opened it, c the peer set C, k the kernel's path manager has it; "-" for
// nothing. An id with "!" behind it was announced by ADD_ADDR.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "kernel/mptcp_commands.hpp"
#include "kernel/socket_diag.hpp"
#include "paths/input.hpp"
#include "paths/model.hpp"

namespace anabranch::paths {

/// What is kept of one connection.
struct Remembered {
  Endpoint local;
  Endpoint remote;
  bool server_side = false;
  bool deny_join_id0 = false;
  bool observed_only = false;
  std::vector<PeerAddress> peer_addresses;
  std::vector<OwnAddress> own_addresses;
};
using RememberedConnections = std::map<Token, Remembered>;

Remembered remember(const Connection& connection);
std::string format_remembered(const RememberedConnections& connections);
/// Foreign or damaged text is an error; it is never taken in part.
Result<RememberedConnections> parse_remembered(std::string_view text);

/// <runtime directory>/paths.state
std::filesystem::path adoption_path();
/// What an earlier daemon left; empty, with one line in the log, when it cannot be read.
RememberedConnections load_remembered();

/// Pure: every running connection with its subflows, and what is remembered of it when it is the
/// same one. `listens` says whether the machine listens on an address: who opened a connection that
/// nothing is remembered of. `is_the_kernels` says whose path manager has it, asked for those
/// alone, too.
std::vector<input::Adopted> join(std::vector<kernel::ConnectionInfo> connections,
                                 std::vector<kernel::SubflowDiag> subflows,
                                 const RememberedConnections& remembered,
                                 const std::function<bool(const Endpoint&)>& listens,
                                 const std::function<bool(Token)>& is_the_kernels);

/// Reads the kernel's tables once (a dump: at the start only).
Result<std::vector<input::Adopted>> adopt(kernel::SocketDiag& diag, kernel::MptcpCommands& commands,
                                          const RememberedConnections& remembered);

/// Keeps the file up to date: a moment after a change, and never with more than a twentieth of the
/// time. Written anew each time, in one step.
class AdoptionFile {
 public:
  /// `connections` gives all of them, called when the file is written.
  AdoptionFile(Loop& loop, std::function<const std::map<Token, Connection>&()> connections);
  /// Something that is remembered has changed.
  void changed();
  /// Writes now.
  void save();

 private:
  Loop& loop_;
  std::function<const std::map<Token, Connection>&()> connections_;
  Loop::Handle later_;
  MonotonicTime not_before_{};
  bool failed_ = false;
};

}  // namespace anabranch::paths
