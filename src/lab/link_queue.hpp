// SPDX-License-Identifier: MIT
// One direction of an emulated link, as arithmetic. Frames come in with the time of their arrival
// and leave at a time that is known at once, because nothing overtakes:
//
//   arrival -> loss? -> room in the queue? -> serialised one after the other -> delay + jitter ->
//   due
//
// "Waiting" is a frame whose serialisation is not over, the frame on the line included; "in flight"
// one that only its delay holds back. A frame in flight keeps its time whatever happens; a waiting
// one follows the profile that is in force. Frames are opaque numbers here, whoever holds the
// octets gets them back in the order they were offered. No clock: every call takes the time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "base/units.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

class LinkQueue {
 public:
  using Frame = std::uint32_t;

  /// A full frame: 1500 octets, Ethernet header and one VLAN tag.
  static constexpr std::uint32_t kFullFrame = 1518;
  /// However slow the link, this many full frames fit its queue.
  static constexpr std::uint32_t kLeastQueueFrames = 4;
  /// What LinkProfile::queue means when it is zero.
  static constexpr nanoseconds kDefaultQueue = milliseconds(50);
  /// Bound of what one direction holds, waiting and in flight: 100 ms at 4 Gbit/s of full frames.
  static constexpr std::size_t kMostFrames = 32768;

  enum class Verdict { kAccepted, kQueueFull, kLost, kLinkDown };

  struct Entry {
    MonotonicTime serialised;  ///< its last octet has left
    MonotonicTime due;         ///< it arrives at the other side
    Frame frame = 0;
    std::uint32_t octets = 0;
    double jitter_share = 0;  ///< its draw, 0..1 of the profile's jitter
  };

  /// The same `seed` gives the same losses and jitter for the same frames.
  LinkQueue(const LinkProfile& profile, std::uint64_t seed);

  /// A frame of `octets` (Ethernet header included, checksum and preamble not) arrives at `now`.
  Verdict offer(MonotonicTime now, Frame frame, std::uint32_t octets);

  /// When the first frame is due; nothing when the link is empty.
  std::optional<MonotonicTime> next_due() const;
  /// How many frames, at most `most`, are due at `now`; they are first(0), first(1), ...
  std::size_t due_count(MonotonicTime now, std::size_t most) const;
  const Entry& first(std::size_t index) const { return entries_[index]; }
  /// Forgets the first `count` frames: they were delivered.
  void pop(std::size_t count);

  /// From `now` on the link is like `profile`. What part of a frame is on the line already stays
  /// sent. Returns the frames that no longer fit the queue, from its end.
  std::vector<Frame> set_profile(MonotonicTime now, const LinkProfile& profile);
  /// Takes the link down or up. Both empty it: returns all frames.
  std::vector<Frame> set_up(MonotonicTime now, bool up);

  const LinkProfile& profile() const { return profile_; }
  bool up() const { return up_; }
  std::size_t size() const { return entries_.size(); }

 private:
  double draw();
  nanoseconds queue_limit() const;
  MonotonicTime due_of(const Entry& entry, MonotonicTime previous) const;
  void advance(MonotonicTime now) { now_ = std::max(now_, now); }

  LinkProfile profile_;
  std::mt19937_64 random_;
  bool up_ = true;
  std::deque<Entry> entries_;
  MonotonicTime now_;        ///< latest time seen: times given out of order do not go back
  MonotonicTime line_free_;  ///< the last frame accepted is serialised
  MonotonicTime last_due_;   ///< of the last frame accepted: the next may not overtake it
};

}  // namespace anabranch::lab
