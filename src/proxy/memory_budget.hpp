// SPDX-License-Identifier: MIT
// What all connections of a role hold together, and the limit of it: an allowance for each of them,
// and what is in their buffers, ours and the kernel's. One for all worker threads.
//
// New connections are turned away beyond the limit; those that there are keep what they have, so
// that it is a limit to what is taken on and no wall.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/log.hpp"

namespace anabranch::proxy {

class MemoryBudget {
 public:
  using Time = log::RateLimit::Clock::time_point;

  /// Octets of a connection at rest. By the sizes of the kernel's objects (Linux 6.18): 3.7 KiB for
  /// a TCP socket with its descriptor, 3.3 for an MPTCP one and 3.7 for each of two subflows; our
  /// own few hundred.
  static constexpr std::uint64_t kConnection = 16384;

  /// `limit` in octets; 0: none.
  explicit MemoryBudget(std::uint64_t limit = 0) : limit_(limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  void set(std::uint64_t limit) { limit_ = limit; }
  std::uint64_t limit() const { return limit_; }

  void begin_connection() { ++connections_; }
  void end_connection() { --connections_; }
  /// What one thread found in buffers, by comparison with what it had found before.
  void add_buffers(std::int64_t octets) { buffers_ += octets; }

  std::uint64_t used() const;
  bool reached() const { return limit_ != 0 && used() > limit_; }
  /// A connection was turned away for it: said in the log, once in a while.
  void note_refusal(Time now);

 private:
  std::atomic<std::uint64_t> limit_;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<std::int64_t> buffers_ = 0;
  std::mutex mutex_;
  log::RateLimit said_{std::chrono::seconds(30)};
};

}  // namespace anabranch::proxy
