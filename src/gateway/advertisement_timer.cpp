// SPDX-License-Identifier: MIT
#include "gateway/advertisement_timer.hpp"

#include <algorithm>
#include <utility>

namespace anabranch::gateway {
namespace {

// RFC 4861 section 6.2.1.
constexpr seconds kLeastInterval{4};
constexpr seconds kThirdFrom{9};  ///< MinRtrAdvInterval is a third of the longest from here on

/// `time` and a while later, also when `time` is the beginning of all time.
MonotonicTime after(MonotonicTime time, nanoseconds while_) {
  return time == MonotonicTime::min() ? time : time + while_;
}

}  // namespace

void AdvertisementTimer::set_interval(nanoseconds longest, MonotonicTime now) {
  longest = std::max<nanoseconds>(longest, kLeastInterval);
  if (std::exchange(longest_, longest) == longest) return;
  shortest_ = longest_ >= kThirdFrom ? longest_ / 3 : longest_ * 3 / 4;
  if (next_ != MonotonicTime::max()) next_ = std::min(next_, now + chance(shortest_, longest_));
}

nanoseconds AdvertisementTimer::chance(nanoseconds low, nanoseconds high) {
  return nanoseconds(
      std::uniform_int_distribution<std::int64_t>(low.count(), high.count())(random_));
}

void AdvertisementTimer::start(MonotonicTime now) {
  initial_left_ = kMaxInitial;
  next_ = std::max(now, after(last_, kMinDelayBetween));
  changes_.clear();
  solicitors_.clear();
}

void AdvertisementTimer::changed(unsigned index, MonotonicTime now) {
  auto& change = changes_[index];
  change.left = kTold;
  change.due = std::max(now, after(change.paid, -nanoseconds(kDelayOfPath) * (kAtOnce - 1)));
}

bool AdvertisementTimer::may_answer_alone(MonotonicTime now) {
  if (now >= after(answers_since_, seconds(1))) {
    answers_since_ = now;
    answers_ = 0;
  }
  if (answers_ >= kAnswersPerSecond) return false;
  ++answers_;
  return true;
}

void AdvertisementTimer::solicited(const IpAddress& source, MonotonicTime now) {
  if (std::ranges::find(solicitors_, source, &Solicitor::address) != solicitors_.end()) return;
  const auto delay = chance(nanoseconds(0), kMaxDelay);
  // Only those on the link have a way back that leads nowhere else.
  static const IpPrefix kLinkLocal = *IpPrefix::parse("fe80::/10");
  if (kLinkLocal.contains(source) && may_answer_alone(now))
    solicitors_.push_back({source, now + delay});
  else
    next_ = std::min(next_, std::max(now, after(last_, kMinDelayBetween)) + delay);
}

void AdvertisementTimer::not_sent(unsigned index, MonotonicTime now) {
  auto& change = changes_[index];
  if (change.left != 0) return;  // it is told again anyway
  change.left = 1;
  change.due = now + kRetry;
}

MonotonicTime AdvertisementTimer::next() const {
  MonotonicTime out = next_;
  for (const auto& [index, change] : changes_)
    if (change.left != 0) out = std::min(out, change.due);
  for (const auto& solicitor : solicitors_) out = std::min(out, solicitor.due);
  return out;
}

void AdvertisementTimer::told(Change& change, MonotonicTime now) {
  change.paid = std::max(change.paid, now) + kDelayOfPath;
  change.due = now + (--change.left == kTold - 1 ? kFirstRepeat : kSecondRepeat);
}

AdvertisementTimer::Due AdvertisementTimer::take(MonotonicTime now) {
  Due due;
  due.everything = now >= next_;
  for (auto& [index, change] : changes_) {
    if (change.left == 0 || now < change.due) continue;
    told(change, now);
    if (!due.everything) due.paths.push_back(index);
  }
  if (due.everything) {
    last_ = now;
    auto interval = chance(shortest_, longest_);
    if (initial_left_ > 0) --initial_left_;
    if (initial_left_ > 0) interval = std::min<nanoseconds>(interval, kMaxInitialInterval);
    next_ = now + interval;
    solicitors_.clear();  // all of them hear it
    return due;
  }
  std::erase_if(solicitors_, [&](const Solicitor& solicitor) {
    if (now < solicitor.due) return false;
    due.solicitors.push_back(solicitor.address);
    return true;
  });
  return due;
}

}  // namespace anabranch::gateway
