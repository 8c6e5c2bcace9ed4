// SPDX-License-Identifier: MIT
// Memory for the frames that are inside the emulated links. Frames are received into it, wait in it
// and are sent from it, so no octet is copied between. Slots are handed out last in, first out: a
// wire that carries little touches little and stays in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace anabranch::lab {

class FramePool {
 public:
  using Slot = std::uint32_t;
  /// Room for a full frame with tags and the headroom that receiving wants.
  static constexpr std::size_t kSlotSize = 2048;

  /// Grows when nothing is free; who takes slots bounds how many (LinkQueue::kMostFrames).
  Slot take();
  void give(Slot slot) { free_.push_back(slot); }
  /// The whole slot, to receive into.
  std::span<std::byte> buffer(Slot slot);

  /// Where in the slot its frame lies.
  void set_frame(Slot slot, std::span<const std::byte> frame);
  std::span<const std::byte> frame(Slot slot) { return frames_[slot]; }

 private:
  static constexpr std::size_t kSlotsInChunk = 256;

  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<std::span<const std::byte>> frames_;
  std::vector<Slot> free_;
};

}  // namespace anabranch::lab
