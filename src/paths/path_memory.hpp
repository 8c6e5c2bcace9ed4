// SPDX-License-Identifier: MIT
// What the machine has learned of its paths: rates in both directions and round trips, from all
// connections and from measurements, with its age. Rates rise with what is seen at once and fall
// slowly, and only while a path has more to carry than it can.
#pragma once

#include <map>

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
  bool sender_full() const { return sender_full_; }

 private:
  bool started_ = false;
  MonotonicTime since_{};
  std::uint64_t acknowledged_ = 0;
  std::uint64_t received_octets_ = 0;
  unsigned samples_ = 0;
  unsigned full_samples_ = 0;
  bool sender_full_ = false;
  BitRate sent_{};
  BitRate received_{};
};

enum class Direction : std::uint8_t { kSend, kReceive };

class PathBook {
 public:
  /// Older knowledge is no knowledge.
  static constexpr std::chrono::minutes kLifetime{30};

  /// A window of the subflow (by a number of its own) has ended; a path's rate is the sum over its
  /// subflows.
  void learn(const IpAddress& path, std::uint64_t subflow, const RateMeter& meter,
             const kernel::SubflowDiag& seen, MonotonicTime now);
  void forget_subflow(const IpAddress& path, std::uint64_t subflow);
  /// A train has told the rate towards a peer.
  void measured(const IpAddress& path, BitRate rate, nanoseconds rtt, MonotonicTime now);
  void saw_rtt(const IpAddress& path, nanoseconds rtt, MonotonicTime now);
  /// Another network behind the same address: begin anew.
  void forget(const IpAddress& path);

  /// A direction nobody has seen is taken to be like the other.
  Quality quality(const IpAddress& path, Direction direction, MonotonicTime now) const;
  bool knows_rate(const IpAddress& path, MonotonicTime now) const;
  /// Its rate was measured or seen full, not just what somebody happened to need.
  bool confident(const IpAddress& path, MonotonicTime now) const;

  std::map<IpAddress, PathMemory>& all() { return memory_; }
  const std::map<IpAddress, PathMemory>& all() const { return memory_; }

 private:
  struct Share {
    MonotonicTime at{};
    BitRate sent{};
    BitRate received{};
  };
  std::map<IpAddress, PathMemory> memory_;
  std::map<IpAddress, MonotonicTime> confident_;
  std::map<IpAddress, std::map<std::uint64_t, Share>> shares_;
};

}  // namespace anabranch::paths
