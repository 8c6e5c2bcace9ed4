// SPDX-License-Identifier: MIT
#include "relay/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace anabranch::relay {

Reactor::Timer::~Timer() {
  if (wheel_ != nullptr) wheel_->stop(*this);
}

TimerWheel::~TimerWheel() {
  const auto leave_alone = [](Timer* timer) {
    for (; timer != nullptr; timer = timer->next_) timer->wheel_ = nullptr;
  };
  for (const auto& level : slots_) std::ranges::for_each(level, leave_alone);
  leave_alone(due_);
}

void TimerWheel::link(Timer*& head, Timer& timer) {
  timer.next_ = head;
  timer.link_ = &head;
  if (head != nullptr) head->link_ = &timer.next_;
  head = &timer;
}

void TimerWheel::unlink(Timer& timer) {
  *timer.link_ = timer.next_;
  if (timer.next_ != nullptr) timer.next_->link_ = timer.link_;
}

std::optional<TimerWheel::Place> TimerWheel::place_of(const Timer& timer) const {
  const auto differs = static_cast<std::uint64_t>(timer.due_ ^ now_);
  if (differs == 0) return std::nullopt;
  const unsigned level = (static_cast<unsigned>(std::bit_width(differs)) - 1) / kBits;
  return Place{level, static_cast<unsigned>(timer.due_ >> (kBits * level)) % kSlots};
}

void TimerWheel::put(Timer& timer) {
  if (const auto place = place_of(timer)) {
    link(slots_[place->level][place->slot], timer);
    used_[place->level] |= std::uint64_t{1} << place->slot;
  } else {
    link(due_, timer);
  }
}

void TimerWheel::start(Timer& timer, std::int64_t due) {
  if (timer.wheel_ != nullptr) stop(timer);
  constexpr std::int64_t kLast = (std::int64_t{1} << (kBits * kLevels)) - 1;
  timer.wheel_ = this;
  timer.due_ = std::clamp(due, now_ + 1, kLast);
  put(timer);
}

void TimerWheel::stop(Timer& timer) {
  if (timer.wheel_ == nullptr) return;
  timer.wheel_ = nullptr;
  unlink(timer);
  const auto place = place_of(timer);
  if (place && slots_[place->level][place->slot] == nullptr)
    used_[place->level] &= ~(std::uint64_t{1} << place->slot);
}

std::optional<TimerWheel::Place> TimerWheel::first_used() const {
  // All of a lower level is due before the next slot of a higher one begins.
  for (unsigned level = 0; level < kLevels; ++level)
    if (used_[level] != 0)
      return Place{level, static_cast<unsigned>(std::countr_zero(used_[level]))};
  return std::nullopt;
}

std::int64_t TimerWheel::begin_of(Place place) const {
  const unsigned above = kBits * (place.level + 1);
  return (now_ >> above << above) | (std::int64_t{place.slot} << (kBits * place.level));
}

std::optional<std::int64_t> TimerWheel::next() const {
  const auto place = first_used();
  if (!place) return std::nullopt;
  return begin_of(*place);
}

void TimerWheel::advance(std::int64_t now) {
  for (auto place = first_used(); place && begin_of(*place) <= now; place = first_used()) {
    now_ = begin_of(*place);
    Timer* timer = std::exchange(slots_[place->level][place->slot], nullptr);
    used_[place->level] &= ~(std::uint64_t{1} << place->slot);
    while (timer != nullptr) put(*std::exchange(timer, timer->next_));
    while (due_ != nullptr) {
      Timer& fires = *due_;
      stop(fires);
      fires.expired();
    }
  }
  now_ = std::max(now_, now);
}

}  // namespace anabranch::relay
