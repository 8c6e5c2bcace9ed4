// SPDX-License-Identifier: MIT
// One direction of a relay: octets from one socket to the other, then the end of the stream.
//
// Two ways lead across. A splice moves pages through a pipe without touching them, which is best
// for TCP that streams; a read into a buffer and a write out of it is best for MPTCP, whose
// receiver has no pages to give away, and for a few octets, which one call fewer carries. Either
// way there is nothing in between after a call that the other side took in full: only what it did
// not take stays, in the pipe or in memory of its own, and nothing more is read before that is
// gone. So whatever a read says of "nothing there" is the socket's word, never a full pipe's.
//
// The descriptors are watched edge-triggered: a socket counts as readable and as writable until a
// call says otherwise, and from then on until its next event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "relay/pipe_pool.hpp"
#include "relay/relay.hpp"

namespace anabranch::relay {

/// What the directions of one reactor share.
struct Carrier {
  /// The most octets of one read, and of one direction in one turn.
  static constexpr std::size_t kBuffer = 256 * 1024;
  static constexpr std::size_t kSplice = 1024 * 1024;
  static constexpr std::size_t kBudget = 1024 * 1024;
  /// While more than this is under way in all, further directions read little at a time.
  static constexpr std::size_t kHeldPlenty = 64 * 1024 * 1024;
  static constexpr std::size_t kLittle = 16 * 1024;

  std::unique_ptr<std::uint8_t[]> buffer = std::make_unique_for_overwrite<std::uint8_t[]>(kBuffer);
  PipePool pipes;
  RelayCounts counts;
};

/// A socket as both directions see it.
struct Side {
  int fd = -1;
  bool mptcp = false;
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  ///< no octets come after those that are there now
  bool urgent = false;   ///< an urgent octet is in the way, which splice does not pass
};

class Direction {
 public:
  enum class Result : std::uint8_t {
    kWaits,       ///< for an event of one of the sides, or it is done()
    kBudgetOver,  ///< there may be more to carry, in another turn
    kFromFailed,  ///< the connection octets came from is lost
    kToFailed,
  };

  explicit Direction(bool may_splice) : may_splice_(may_splice) {}
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;
  /// What is under way is dropped; release() has to come first.
  ~Direction() = default;

  /// Octets that go ahead of all others; before the first carry().
  void put_first(Carrier& carrier, std::vector<std::uint8_t> octets);
  Result carry(Carrier& carrier, Side& from, Side& to);
  /// Gives back what is held; the direction is over.
  void release(Carrier& carrier);

  bool done() const { return shut_; }
  /// Octets wait for the receiver.
  bool blocked() const { return in_pipe_ != 0 || sent_ != held_.size(); }
  std::uint64_t octets() const { return octets_; }

 private:
  enum class Step : std::uint8_t { kMoved, kNothing, kEnd, kFromFailed, kToFailed };
  Step read(Carrier& carrier, Side& from, Side& to, std::size_t most);
  Step read_by_splice(Carrier& carrier, Side& from, Side& to, std::size_t most);
  Step read_by_copy(Carrier& carrier, Side& from, Side& to, std::size_t most);
  Step flush(Carrier& carrier, Side& to);
  Step flush_pipe(Carrier& carrier, Side& to);
  Step flush_held(Carrier& carrier, Side& to);

  std::vector<std::uint8_t> held_;  ///< from sent_ on, not yet taken
  std::size_t sent_ = 0;
  SplicePipe pipe_;
  std::size_t in_pipe_ = 0;
  std::uint64_t octets_ = 0;
  bool may_splice_;
  bool streams_ = false;  ///< reads come full: worth a pipe
  bool ended_ = false;    ///< the sender has closed
  bool shut_ = false;     ///< and the receiver was told
};

}  // namespace anabranch::relay
