// SPDX-License-Identifier: MIT
#include "lab/link_frames.hpp"

namespace anabranch::lab {

FramePool::Slot FramePool::take() {
  if (free_.empty()) {
    const auto begin = static_cast<Slot>(chunks_.size() * kSlotsInChunk);
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kSlotsInChunk * kSlotSize));
    frames_.resize(begin + kSlotsInChunk);
    for (Slot slot = begin + kSlotsInChunk; slot > begin; --slot) free_.push_back(slot - 1);
  }
  const Slot slot = free_.back();
  free_.pop_back();
  return slot;
}

std::span<std::byte> FramePool::buffer(Slot slot) {
  return {chunks_[slot / kSlotsInChunk].get() + (slot % kSlotsInChunk) * kSlotSize, kSlotSize};
}

void FramePool::set_frame(Slot slot, std::span<const std::byte> frame) {
  frames_[slot] = frame;
}

}  // namespace anabranch::lab
