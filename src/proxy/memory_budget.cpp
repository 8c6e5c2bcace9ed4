// SPDX-License-Identifier: MIT
#include "proxy/memory_budget.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace anabranch::proxy {

std::uint64_t MemoryBudget::used() const {
  // Threads tell one after the other: for a moment it may be below zero.
  const auto buffers = std::max<std::int64_t>(buffers_, 0);
  return connections_ * kConnection + static_cast<std::uint64_t>(buffers);
}

void MemoryBudget::note_refusal(Time now) {
  const std::lock_guard lock(mutex_);
  if (!said_.allow(now)) return;
  log::warning(
      "connections hold {}, beyond the limit of memory, {}: new ones are turned away (this one, "
      "and {} since this was last said)",
      octets_text(used()), octets_text(limit_), said_.suppressed());
}

}  // namespace anabranch::proxy
