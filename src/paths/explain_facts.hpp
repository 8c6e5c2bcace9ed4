// SPDX-License-Identifier: MIT
// What `paths explain` judges by. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/mptcp_pm.hpp"
#include "paths/model.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

/// An address of this machine.
struct LocalAddress {
  IpAddress address;
  std::string interface;
  unsigned ifindex = 0;
  bool loopback_interface = false;  ///< lives on lo and may use every way out
  bool admin_up = true;
  bool carrier = true;
  std::string unusable = {};  ///< "tentative", "duplicate"; empty when it can be a source
  unsigned rp_filter = 0;     ///< in force: the larger of `all` and the interface's; IPv6: 0
};

/// How packets from a local address get to a remote one, by the kernel's own answer.
struct Way {
  std::optional<unsigned> ifindex;       ///< where they leave; nothing: they do not
  std::string why_not = {};              ///< "Network is unreachable"
  bool to_ourselves = false;             ///< the remote address is this machine's
  bool bound = false;                    ///< a socket bound to the local address's interface has a
                                         ///< route, whatever rules say of the source
  std::optional<std::uint32_t> table{};  ///< one that has a route by that interface
};

/// What a connection that was tried over one pair came to.
struct Trial {
  enum class End : std::uint8_t {
    kMptcp,
    kTcp,  ///< answered, but without MPTCP
    kRefused,
    kSilent,
    kFailed,  ///< could not even be sent
  };
  End mptcp = End::kFailed;    ///< a SYN with MP_CAPABLE
  End tcp = End::kFailed;      ///< a SYN without
  bool deny_join_id0 = false;  ///< the peer set C
  std::string why = {};        ///< errno's text of a failed one
};

struct MachineFacts {
  bool mptcp_present = true;
  bool mptcp_enabled = true;
  bool blackholed = false;  ///< blackhole detection keeps MPTCP off now
  seconds blackhole_timeout{};
  bool userspace_manager = false;  ///< for new connections
  bool daemon = false;             ///< a path manager of ours answers
  kernel::MptcpLimits limits;
  std::vector<kernel::MptcpEndpoint> endpoints;
  std::vector<LocalAddress> addresses;
  std::map<std::string, std::uint64_t> counters;  ///< of MPTCP: "Blackhole" and the like
  /// Local addresses over which some connection speaks MPTCP with another machine now.
  std::vector<IpAddress> speaks_mptcp;
};

/// What the daemon says about a pair that has no subflow.
struct WaitingPair {
  IpAddress local;
  Endpoint remote;
  std::string code;
  std::string detail = {};  ///< name of the rule, reason of a reset
  nanoseconds retry_in{};
};

/// Who opens a connection's further subflows.
enum class Manager : std::uint8_t {
  kKernel,
  kDaemon,
  kNobody,  ///< left to user space, where nobody is
};

/// A connection as the kernel shows it, with what the daemon knows of it.
struct Subject {
  std::optional<Token> token;  ///< nothing: a new connection
  Endpoint local;              ///< of a new one: from where the first SYN would leave
  Endpoint remote;
  bool server_side = false;
  bool deny_join_id0 = false;
  bool plain_tcp = false;
  Manager manager = Manager::kKernel;
  bool details_known = false;  ///< side and C flag come from the daemon, and are not assumed
  unsigned extra_subflows = 0;
  std::optional<std::uint32_t> uid = std::nullopt;
  std::string cgroup = {};
  struct UsedPair {
    Endpoint local;
    Endpoint remote;
    bool established = true;
    bool silent = false;
    bool backup = false;       ///< we asked the peer not to use it
    bool peer_backup = false;  ///< the peer asked us
    std::string reason = {};   ///< of the daemon, why it is backup
    std::string rule = {};
  };
  std::vector<UsedPair> subflows;
  std::vector<PeerAddress> peer_addresses;  ///< the one connected to among them
  struct Told {
    Endpoint endpoint;
    std::string state;  ///< "sent", "done", "failed"
    std::optional<bool> listens = std::nullopt;
  };
  std::vector<Told> announcements;
  std::vector<WaitingPair> waiting;
};

/// A path as the daemon sees it.
struct DaemonPath {
  std::string interface;
  bool usable = true;
  bool failed = false;
  std::string reason = {};
  std::vector<IpPrefix> destinations = {};  ///< that it leads to without being usable
};

struct Facts {
  MachineFacts machine;
  Settings settings;  ///< of the daemon; count only where it runs
  /// Where they were read, and where the daemon reads its own; empty: the defaults.
  std::string settings_file = {};
  std::string daemons_file = {};
  std::vector<Subject> subjects;
  std::map<IpAddress, DaemonPath> paths;                   ///< the daemon's
  std::map<std::pair<IpAddress, IpAddress>, Way> ways;     ///< by local and remote
  std::map<std::pair<IpAddress, Endpoint>, Trial> trials;  ///< by local address and remote endpoint
};

}  // namespace anabranch::paths
