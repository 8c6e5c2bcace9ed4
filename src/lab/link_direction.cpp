// SPDX-License-Identifier: MIT
#include "lab/link_direction.hpp"

#include <cerrno>
#include <cstring>

#include "base/log.hpp"

namespace anabranch::lab {
namespace {

using kernel::PacketSocket;

/// Batches of one receive(), so that a flood on one link does not make the others late.
constexpr int kBatchesAtOnce = 4;

/// A full backlog at the other side (ENOBUFS) empties in microseconds. A peer whose interface is
/// down looks the same, so a frame is tried a few times only, and once the first has been given up
/// the frames behind it are not tried again.
constexpr nanoseconds kRetryAfter = std::chrono::microseconds(200);
constexpr unsigned kTries = 5;

}  // namespace

LinkDirection::LinkDirection(PacketSocket& from, PacketSocket& to, FramePool& pool,
                             const LinkProfile& profile, std::uint64_t seed)
    : from_(from), to_(to), pool_(pool), queue_(profile, seed) {
  for (auto& slot : landing_) slot = pool_.take();
}

void LinkDirection::count(LinkQueue::Verdict verdict) {
  switch (verdict) {
    case LinkQueue::Verdict::kAccepted:
      return;
    case LinkQueue::Verdict::kQueueFull:
      ++counters_.dropped_queue;
      return;
    case LinkQueue::Verdict::kLost:
      ++counters_.dropped_loss;
      return;
    case LinkQueue::Verdict::kLinkDown:
      ++counters_.dropped_state;
      return;
  }
}

std::size_t LinkDirection::receive() {
  std::size_t total = 0;
  for (int batch = 0; batch < kBatchesAtOnce; ++batch) {
    for (std::size_t i = 0; i < landing_.size(); ++i)
      received_[i].buffer = pool_.buffer(landing_[i]);
    const auto asked = MonotonicClock::now();
    const auto outcome = from_.receive_batch(received_);
    total += outcome.frames;
    for (std::size_t i = 0; i < outcome.frames; ++i) {
      const auto& received = received_[i];
      if (received.truncated) {
        ++counters_.dropped_relay;
        if (warn_.allow(asked))
          log::warning("{} brings frames longer than {} octets; are offloads on at its other end?",
                       from_.interface(), FramePool::kSlotSize);
        continue;
      }
      const auto verdict = queue_.offer(std::max(received.arrived, emptied_), landing_[i],
                                        static_cast<std::uint32_t>(received.frame.size()));
      count(verdict);
      if (verdict != LinkQueue::Verdict::kAccepted) continue;
      pool_.set_frame(landing_[i], received.frame);
      landing_[i] = pool_.take();
    }
    if (outcome.frames < landing_.size()) {
      emptied_ = asked;
      break;
    }
  }
  return total;
}

std::size_t LinkDirection::send(MonotonicTime now) {
  if (now < retry_) return 0;
  std::size_t total = 0;
  while (const std::size_t due = queue_.due_count(now, leaving_.size())) {
    for (std::size_t i = 0; i < due; ++i) leaving_[i] = pool_.frame(queue_.first(i).frame);
    const auto outcome = to_.send_batch({leaving_.data(), due});
    for (std::size_t i = 0; i < outcome.frames; ++i) {
      ++counters_.frames;
      counters_.octets += queue_.first(i).octets;
      pool_.give(queue_.first(i).frame);
    }
    queue_.pop(outcome.frames);
    total += outcome.frames;
    if (outcome.frames > 0) refusals_ = 0;
    if (outcome.error != 0) {
      refused(now, outcome.error);
      if (now < retry_) break;
    }
  }
  return total;
}

void LinkDirection::refused(MonotonicTime now, int error) {
  const bool passing = error == EAGAIN || error == ENOBUFS || error == EINTR;
  if (passing && ++refusals_ < kTries) {
    retry_ = now + kRetryAfter;
    return;
  }
  if (error != ENETDOWN && warn_.allow(now))
    log::warning("{} refuses frames ({}); they are dropped until it takes them again",
                 to_.interface(), std::strerror(error));
  refusals_ = kTries + 1;
  ++counters_.dropped_relay;
  pool_.give(queue_.first(0).frame);
  queue_.pop(1);
}

std::optional<MonotonicTime> LinkDirection::next_send() const {
  auto due = queue_.next_due();
  if (due) due = std::max(*due, retry_);
  return due;
}

void LinkDirection::release(const std::vector<LinkQueue::Frame>& frames, std::uint64_t& counter) {
  counter += frames.size();
  for (const auto frame : frames) pool_.give(frame);
}

void LinkDirection::set_profile(MonotonicTime now, const LinkProfile& profile) {
  release(queue_.set_profile(now, profile), counters_.dropped_queue);
}

void LinkDirection::set_up(MonotonicTime now, bool up) {
  release(queue_.set_up(now, up), counters_.dropped_state);
  retry_ = {};
}

DirectionCounters LinkDirection::counters() {
  counters_.dropped_relay += from_.take_overflow();
  return counters_;
}

}  // namespace anabranch::lab
