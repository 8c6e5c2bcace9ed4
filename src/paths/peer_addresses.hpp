// SPDX-License-Identifier: MIT
// The peer's addresses within a connection: what it announces is soft state that may be taken,
// refreshed or passed over (RFC 8684 section 3.4.1), and what it forbids is not tried. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/address_scope.hpp"
#include "paths/model.hpp"

namespace anabranch::paths {

/// Stored of one connection's peer. A peer that announces more is either broken or wants us to
/// knock at other people's doors.
constexpr std::size_t kMostAnnouncedAddresses = 8;

enum class Acceptance : std::uint8_t {
  kStored,     ///< new, or another address or port than before
  kRefreshed,  ///< known as it is; a new attempt is allowed
  kRejected,   ///< an address nobody can be reached at over the network, or no port
  kFull,       ///< as many as are stored are known
  kConflict,   ///< its id belongs to another address that carries a subflow
};

/// Takes an ADD_ADDR of the peer (an event kAnnounced) into `peer_addresses`.
Acceptance accept_announced(Connection& connection, const kernel::MptcpEvent& event);

/// Takes a REMOVE_ADDR (an event kRemoved). What was known of the id, if anything. Subflows are the
/// peer's to close.
std::optional<PeerAddress> accept_removed(Connection& connection, std::uint8_t id);

/// Whether a subflow to the address is allowed: after the C flag not to where the connection went,
/// even if the peer announces that place too (RFC 8684 section 3.1).
bool may_join(const Connection& connection, const PeerAddress& address);

/// A place of the peer that the path leads to: where the connection went, or else another one that
/// is known; nullptr when there is none.
const Endpoint* reached_by(const Path& path, const Connection& connection);

/// Whether the address means the same host to the peer as to us and more than this link can reach
/// it: is_global().
bool announceable(const IpAddress& address);

}  // namespace anabranch::paths
