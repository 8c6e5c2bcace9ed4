// SPDX-License-Identifier: MIT
// Carries octets both ways between two connected stream sockets, TCP or MPTCP, until both ends are
// done. It knows no signalling: it starts where the set-up ends.
//
// Ends are handed on as they come: a FIN (DATA_FIN) of one side becomes a shutdown of the other and
// the way back stays open; a RST (MP_FASTCLOSE) resets the other side (RFC 8803 section 5.3). A
// side that does not read stops the other by its window: what is under way is bounded per
// direction. A connection at rest holds no buffer and no pipe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "relay/reactor.hpp"

namespace anabranch::relay {

/// One connection of a pair.
struct Leg {
  UniqueFd fd;         ///< connected, non-blocking, watched by nobody
  bool mptcp = false;  ///< the socket's protocol, also where it fell back to TCP
  /// Octets that are to be sent to this leg before anything of the other one.
  std::vector<std::uint8_t> first = {};
};

enum class Ended : std::uint8_t {
  kInOrder,  ///< both sides closed
  kResetByClient,
  kResetByServer,
  kIdle,
  kTold,  ///< end_all(), or the kernel would not watch the sockets
};

/// Octets that were read; Leg::first is not counted.
struct Summary {
  Ended ended = Ended::kInOrder;
  std::uint64_t octets_to_server = 0;
  std::uint64_t octets_to_client = 0;
  std::chrono::milliseconds lasted{0};
};

/// How octets go from one socket to the other.
enum class Way : std::uint8_t {
  kMeasured,  ///< what docs/benchmarks.md found best for the source: kSplice for TCP, kCopy for
              ///< MPTCP
  kSplice,    ///< by a pipe, where there is enough to carry
  kCopy,
};

struct RelaySettings {
  std::chrono::seconds idle{7200};             ///< no octet either way: reset both; 0: never
  std::chrono::seconds half_closed_idle{300};  ///< the same once one side has closed
  Way way = Way::kMeasured;                    ///< of relays added from now on
};

struct RelayCounts {
  std::uint64_t running = 0;
  std::uint64_t octets_to_server = 0;
  std::uint64_t octets_to_client = 0;
  std::uint64_t spliced = 0;  ///< octets that went by a pipe
  std::uint64_t copied = 0;   ///< octets that went through our buffer
  std::uint64_t held = 0;  ///< octets now under way: read from one side, not yet taken by the other
  std::uint64_t buffered = 0;   ///< octets in socket buffers, as measure_buffers() found them last
  std::uint64_t pipes = 0;      ///< pipes now open, with octets in them or kept for the next
  std::uint64_t ended[5] = {};  ///< by Ended
};

/// All relays of one reactor; lives and is used on its thread.
class Relays {
 public:
  /// Told once when a relay is over; its sockets are closed by then, and it is destroyed
  /// afterwards. It may add relays and end all; it may not destroy the Relays.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void ended(const Summary& summary) = 0;
  };

  Relays(Reactor& reactor, const RelaySettings& settings);
  ~Relays();  ///< resets what still runs
  Relays(const Relays&) = delete;
  Relays& operator=(const Relays&) = delete;

  /// From now on the relay owns both sockets. `listener` may be null; it is never told within this
  /// call. Sets TCP_NODELAY and SO_OOBINLINE: octets go on as they come, urgent ones in their
  /// place.
  void add(Leg client, Leg server, std::unique_ptr<Listener> listener);
  /// Limits hold for running relays too, from the next time they are looked at.
  void set(const RelaySettings& settings);
  /// Looks at what the kernel holds in the socket buffers of the next `most` connections, round and
  /// round. One that is at rest since it was found empty is not looked at again.
  void measure_buffers(std::size_t most);
  /// Resets all.
  void end_all();
  const RelayCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::relay
