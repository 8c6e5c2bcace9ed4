// SPDX-License-Identifier: MIT
// What the machine has learned of its paths: rates in both directions and round trips, from all
// connections and from measurements, with its age. What traffic got says how much a path can carry
// at least; how much at most it says only while the path was full. Until a direction has been seen
// full, a measurement or the other direction stands in for it.
#pragma once

#include <map>
#include <optional>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "kernel/socket_diag.hpp"
#include "paths/admission.hpp"
#include "paths/decider.hpp"

namespace anabranch::paths {

/// Rates of one subflow over windows of kRateWindow.
class RateMeter {
 public:
  static constexpr milliseconds kRateWindow{200};
  /// True when a window has ended: sent() and received() are new.
  bool sample(const kernel::SubflowDiag& seen, MonotonicTime now);
  BitRate sent() const { return sent_; }
  BitRate received() const { return received_; }
  /// There was more to send than the path took, all the time, and TCP has found its rate.
  bool sender_full() const { return full_windows_ >= kEven; }
  /// Data came at the same rate for a second, behind a queue that has grown: the path was full.
  bool receiver_full() const { return even_windows_ >= kEven && queued_; }

 private:
  bool started_ = false;
  MonotonicTime since_{};
  std::uint64_t acknowledged_ = 0;
  std::uint64_t received_octets_ = 0;
  unsigned samples_ = 0;
  unsigned full_samples_ = 0;
  unsigned full_windows_ = 0;
  static constexpr unsigned kEven = 3;
  unsigned even_windows_ = 0;
  bool queued_ = false;
  BitRate sent_{};
  BitRate received_{};
};

enum class Direction : std::uint8_t { kSend, kReceive };

class PathBook {
 public:
  /// Older knowledge is no knowledge.
  static constexpr std::chrono::minutes kLifetime{30};
  /// The smallest round trip is that of the last one to two of these: a route that has become
  /// longer is known as such after a while.
  static constexpr std::chrono::minutes kRttWindow{5};

  /// A window of the subflow (by a number of its own) has ended; a path's rate is the sum over its
  /// subflows.
  void learn(const IpAddress& path, std::uint64_t subflow, const RateMeter& meter,
             const kernel::SubflowDiag& seen, MonotonicTime now);
  void forget_subflow(const IpAddress& path, std::uint64_t subflow);
  /// A train has told the rate towards a peer. One alone may be far off, two alike are believed.
  void measured(const IpAddress& path, BitRate rate, nanoseconds rtt, MonotonicTime now);
  /// Takes part in the smallest round trip, which quality() and all() tell.
  void saw_rtt(const IpAddress& path, nanoseconds rtt, MonotonicTime now);
  /// Another network behind the same address: begin anew.
  void forget(const IpAddress& path);

  Quality quality(const IpAddress& path, Direction direction, MonotonicTime now) const;
  bool knows_rate(const IpAddress& path, MonotonicTime now) const;
  /// Its rate was measured twice alike or seen full, not just what somebody happened to need.
  bool confident(const IpAddress& path, MonotonicTime now) const;

  std::map<IpAddress, PathMemory>& all() { return memory_; }
  const std::map<IpAddress, PathMemory>& all() const { return memory_; }

 private:
  /// What traffic has shown of one direction.
  struct Seen {
    BitRate rate{};
    bool full = false;  ///< the path carries no more than that
    MonotonicTime at{};
  };
  struct Rates {
    Seen send;
    Seen receive;
    BitRate measured{};
    MonotonicTime measured_at{};
    bool twice = false;
  };
  /// The smallest round trip of the running window and of the one before.
  struct RoundTrips {
    MonotonicTime since{};
    nanoseconds smallest{};
    std::optional<nanoseconds> before;
  };
  struct Share {
    MonotonicTime at{};
    BitRate sent{};
    BitRate received{};
  };
  std::map<IpAddress, PathMemory> memory_;
  std::map<IpAddress, Rates> rates_;
  std::map<IpAddress, RoundTrips> round_trips_;
  static void take(Seen& seen, BitRate rate, bool full, MonotonicTime now);
  void publish(const IpAddress& path, MonotonicTime now);
  std::map<IpAddress, std::map<std::uint64_t, Share>> shares_;
};

}  // namespace anabranch::paths
