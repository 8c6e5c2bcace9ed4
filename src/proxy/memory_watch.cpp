// SPDX-License-Identifier: MIT
#include "proxy/memory_watch.hpp"

#include <algorithm>
#include <utility>

namespace anabranch::proxy {
namespace {

constexpr std::chrono::milliseconds kLook{100};
/// All connections are looked at within so many looks; of a few all each time.
constexpr std::uint64_t kLooksOfARound = 20;
constexpr std::uint64_t kFew = 256;

}  // namespace

void MemoryWatch::wake() {
  if (budget_ == nullptr || running() || budget_->limit() == 0) return;
  reactor_.start(*this, kLook);
}

void MemoryWatch::expired() {
  const auto running = relays_.counts().running;
  relays_.measure_buffers(std::max(kFew, running / kLooksOfARound));
  const auto& counts = relays_.counts();
  const auto waiting = waiting_();
  tell(counts.held + counts.buffered + waiting);
  if (running != 0 || waiting != 0) wake();
}

void MemoryWatch::tell(std::uint64_t found) {
  if (budget_ == nullptr) return;
  budget_->add_buffers(static_cast<std::int64_t>(found - std::exchange(told_, found)));
}

}  // namespace anabranch::proxy
