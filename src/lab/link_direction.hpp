// SPDX-License-Identifier: MIT
// One direction of an emulated link made real: frames are read from one packet socket, held as long
// as LinkQueue says, and written to another.
#pragma once

#include <array>
#include <optional>

#include "base/log.hpp"
#include "kernel/packet_socket.hpp"
#include "lab/link_frames.hpp"
#include "lab/link_queue.hpp"
#include "lab/wire.hpp"

namespace anabranch::lab {

class LinkDirection {
 public:
  LinkDirection(kernel::PacketSocket& from, kernel::PacketSocket& to, FramePool& pool,
                const LinkProfile& profile, std::uint64_t seed);

  /// Takes in what waits at the socket, a few batches at most. Returns how many frames came.
  std::size_t receive();
  /// Delivers what is due. Returns how many frames went.
  std::size_t send(MonotonicTime now);
  /// When send() has something to do; nothing when the link is empty.
  std::optional<MonotonicTime> next_send() const;

  void set_profile(MonotonicTime now, const LinkProfile& profile);
  /// Both ways everything inside is dropped, and so is what arrives while it is down. Call
  /// receive() before, or frames that arrived in the old state are judged by the new.
  void set_up(MonotonicTime now, bool up);

  /// As of now: asks the kernel what it lost before we could read it.
  DirectionCounters counters();

 private:
  void count(LinkQueue::Verdict verdict);
  void release(const std::vector<LinkQueue::Frame>& frames, std::uint64_t& counter);
  void refused(MonotonicTime now, int error);

  kernel::PacketSocket& from_;
  kernel::PacketSocket& to_;
  FramePool& pool_;
  LinkQueue queue_;
  DirectionCounters counters_;
  /// Slots that the next batch is received into; refilled as frames are accepted.
  std::array<FramePool::Slot, kernel::PacketSocket::kBatch> landing_{};
  std::array<kernel::PacketSocket::Received, kernel::PacketSocket::kBatch> received_{};
  std::array<std::span<const std::byte>, kernel::PacketSocket::kBatch> leaving_{};
  MonotonicTime emptied_;  ///< the socket was last seen empty: nothing read later arrived before
  MonotonicTime retry_;    ///< the interface refused a frame: not again before this
  unsigned refusals_ = 0;  ///< in a row
  log::RateLimit warn_{seconds(10)};
};

}  // namespace anabranch::lab
