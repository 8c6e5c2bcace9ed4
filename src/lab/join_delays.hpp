// SPDX-License-Identifier: MIT
// How long a host needs to send the second subflow's SYN after a connection was made, from packets:
// the SYN/ACK with MP_CAPABLE on its way to the client is when the client's kernel knows of the
// connection, the SYN with MP_JOIN on the other path is what its path manager does about it. The
// two belong together when the join's token is the hash of the key in the SYN/ACK (RFC 8684
// sections 3.1 and 3.2).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "kernel/packet_socket.hpp"

namespace anabranch::lab {

class JoinDelays {
 public:
  /// `client` is where the client receives SYN/ACKs, `server` where the server receives joins, each
  /// opened with arrival times in its own network namespace.
  JoinDelays(kernel::PacketSocket client, kernel::PacketSocket server)
      : client_(std::move(client)), server_(std::move(server)) {}

  /// Segments with SYN only, for PacketSocket::Options.
  static std::span<const sock_filter> filter();
  /// Takes what has arrived.
  void drain();
  /// Of every connection that was joined since the last call, the first join only; unsorted.
  std::vector<nanoseconds> take();
  std::uint64_t lost();  ///< frames, since the last call

 private:
  void read(kernel::PacketSocket& socket);
  void segment(std::span<const std::byte> frame, MonotonicTime arrived);

  kernel::PacketSocket client_;
  kernel::PacketSocket server_;
  std::unordered_map<std::uint32_t, MonotonicTime> made_;  // by the server's token
  std::vector<nanoseconds> delays_;
};

/// The token of a key: the first 32 bits of its SHA-256 (RFC 8684 section 3.2).
std::uint32_t token_of_key(std::span<const std::byte, 8> key);

}  // namespace anabranch::lab
