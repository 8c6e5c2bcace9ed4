// SPDX-License-Identifier: MIT
// What the path manager knows: paths of this machine, connections, their subflows. Values only;
// who changes them is the Decider.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/socket_diag.hpp"
#include "paths/address_ids.hpp"

namespace anabranch::paths {

using kernel::Endpoint;
using Token = std::uint32_t;

/// One way out of this machine: an address on an interface. The address is the key.
struct Path {
  IpAddress address;
  std::string interface;
  unsigned ifindex = 0;
  std::optional<IpAddress> router;  ///< of its default route
  bool usable = true;               ///< as far as this machine can tell
  /// Why not: "link-down", "no-route", "withdrawn", "denied" (docs/paths-changes.md); else empty.
  std::string reason;
  /// Where it leads even without a default route ("no-route"): its own link, and what the main
  /// table has routes to by its interface.
  std::vector<IpPrefix> destinations = {};
  /// The path of a host role that it is an address of; those of both families have the same. Empty:
  /// of none.
  std::string group = {};
  /// Usable, or one of the destinations holds `peer`.
  bool reaches(const IpAddress& peer) const;
  bool operator==(const Path&) const = default;
};

/// A subflow by its four addresses and ports.
struct SubflowKey {
  Endpoint local;
  Endpoint remote;
  auto operator<=>(const SubflowKey&) const = default;
};

/// An established one.
struct Subflow {
  SubflowKey key;
  std::uint8_t local_id = 0;
  std::uint8_t remote_id = 0;
  unsigned ifindex = 0;
  bool initial = false;
  bool backup = false;       ///< as we want it, which the kernel may not have heard yet
  std::string reason;        ///< why it is backup or why it exists, a stable code
  std::string rule;          ///< name of the rule that applied, empty for none
  MonotonicTime since{};     ///< established
  kernel::SubflowDiag last;  ///< the newest sample; zero before the first
  BitRate sent_rate{};       ///< over the last samples
  BitRate received_rate{};
};

/// An address the peer has, by its id.
struct PeerAddress {
  std::uint8_t id = 0;
  Endpoint endpoint;
  bool announced = false;  ///< by ADD_ADDR; else it is where the connection went
  bool operator==(const PeerAddress&) const = default;
};

/// An address of ours that the peer knows by an id: of a subflow, or announced.
struct OwnAddress {
  std::uint8_t id = 0;
  Endpoint endpoint;
  bool announced = false;  ///< by ADD_ADDR
  bool operator==(const OwnAddress&) const = default;
};

/// An address of ours that the peer was told by ADD_ADDR (RFC 8684 section 3.4.1).
struct Announcement {
  enum class State : std::uint8_t { kSent, kDone, kFailed };
  std::uint8_t id = 0;
  Endpoint endpoint;  ///< port 0: that of the connection
  State state = State::kSent;
  MonotonicTime sent{};
  unsigned attempts = 0;
};

struct Connection {
  Token token = 0;
  bool server_side = false;
  bool established = false;
  bool deny_join_id0 = false;  ///< the peer set C (RFC 8684 section 3.1)
  bool observed_only = false;  ///< the kernel's path manager has it
  bool plain_tcp = false;      ///< fell back (RFC 8684 section 3.7)
  Endpoint local;
  Endpoint remote;
  std::optional<std::uint32_t> uid;  ///< nothing: not known
  std::string cgroup;                ///< empty: not known; the root is "/"
  MonotonicTime since{};
  std::map<SubflowKey, Subflow> subflows;
  std::map<std::uint8_t, PeerAddress> peer_addresses;
  std::map<std::uint8_t, Announcement> announcements;
  AddressIds ids;               ///< of our addresses, for announcements and subflows
  kernel::ConnectionInfo last;  ///< the newest sample
};

}  // namespace anabranch::paths
