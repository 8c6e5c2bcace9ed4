// SPDX-License-Identifier: MIT
#include "lab/link_queue.hpp"

#include <algorithm>
#include <cmath>

namespace anabranch::lab {
namespace {

nanoseconds scaled(nanoseconds time, double factor) {
  return nanoseconds(std::llround(static_cast<double>(time.count()) * factor));
}

}  // namespace

LinkQueue::LinkQueue(const LinkProfile& profile, std::uint64_t seed)
    : profile_(profile), random_(seed) {}

double LinkQueue::draw() {
  return static_cast<double>(random_() >> 11) * 0x1p-53;
}

nanoseconds LinkQueue::queue_limit() const {
  const auto wanted = profile_.queue == nanoseconds{} ? kDefaultQueue : profile_.queue;
  return std::max(wanted, profile_.rate.time_for(std::uint64_t{kLeastQueueFrames} * kFullFrame));
}

MonotonicTime LinkQueue::due_of(const Entry& entry, MonotonicTime previous) const {
  return std::max(previous,
                  entry.serialised + profile_.delay + scaled(profile_.jitter, entry.jitter_share));
}

LinkQueue::Verdict LinkQueue::offer(MonotonicTime now, Frame frame, std::uint32_t octets) {
  advance(now);
  if (!up_) return Verdict::kLinkDown;
  if (profile_.loss > 0 && draw() < profile_.loss) return Verdict::kLost;
  const auto start = std::max(now_, line_free_);
  const auto serialised = start + profile_.rate.time_for(octets);
  // The limit is on the whole stay, own serialisation included, so that `queue` is the extra delay
  // that is seen at most.
  if (!profile_.rate.unlimited() && serialised - now_ > queue_limit()) return Verdict::kQueueFull;
  if (entries_.size() >= kMostFrames) return Verdict::kQueueFull;

  Entry entry{.serialised = serialised, .due = {}, .frame = frame, .octets = octets};
  if (profile_.jitter > nanoseconds{}) entry.jitter_share = draw();
  entry.due = due_of(entry, last_due_);
  line_free_ = serialised;
  last_due_ = entry.due;
  entries_.push_back(entry);
  return Verdict::kAccepted;
}

std::optional<MonotonicTime> LinkQueue::next_due() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().due;
}

std::size_t LinkQueue::due_count(MonotonicTime now, std::size_t most) const {
  const std::size_t end = std::min(most, entries_.size());
  std::size_t count = 0;
  while (count < end && entries_[count].due <= now) ++count;
  return count;
}

void LinkQueue::pop(std::size_t count) {
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count));
}

std::vector<LinkQueue::Frame> LinkQueue::set_profile(MonotonicTime now,
                                                     const LinkProfile& profile) {
  advance(now);
  const auto before = profile_;
  profile_ = profile;
  auto waiting = std::partition_point(entries_.begin(), entries_.end(),
                                      [&](const Entry& entry) { return entry.serialised <= now_; });
  line_free_ = std::min(line_free_, now_);
  last_due_ = waiting == entries_.begin() ? MonotonicTime{} : std::prev(waiting)->due;

  std::vector<Frame> dropped;
  const auto limit = queue_limit();
  bool on_the_line = true;
  for (; waiting != entries_.end(); ++waiting) {
    double left = 1;  // the part of the frame that is still to be sent
    if (on_the_line) {
      const auto whole = before.rate.time_for(waiting->octets);
      if (whole > nanoseconds{})
        left = std::min(1.0, static_cast<double>((waiting->serialised - now_).count()) /
                                 static_cast<double>(whole.count()));
    }
    const auto serialised =
        std::max(now_, line_free_) + scaled(profile_.rate.time_for(waiting->octets), left);
    if (!on_the_line && !profile_.rate.unlimited() && serialised - now_ > limit) break;
    on_the_line = false;
    waiting->serialised = serialised;
    waiting->due = due_of(*waiting, last_due_);
    line_free_ = serialised;
    last_due_ = waiting->due;
  }
  for (auto rest = waiting; rest != entries_.end(); ++rest) dropped.push_back(rest->frame);
  entries_.erase(waiting, entries_.end());
  return dropped;
}

std::vector<LinkQueue::Frame> LinkQueue::set_up(MonotonicTime now, bool up) {
  advance(now);
  up_ = up;
  std::vector<Frame> dropped;
  for (const auto& entry : entries_) dropped.push_back(entry.frame);
  entries_.clear();
  line_free_ = now_;
  last_due_ = now_;
  return dropped;
}

}  // namespace anabranch::lab
