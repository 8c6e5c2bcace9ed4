// SPDX-License-Identifier: MIT
#include "gateway/uplink_health.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "gateway/settings_health.hpp"

namespace anabranch::gateway {
namespace {

constexpr std::size_t kRemembered = 100;

/// In steps that a reader can use.
std::string silence_text(nanoseconds silence) {
  const auto step = silence < seconds(10) ? nanoseconds(milliseconds(100)) : seconds(1);
  return duration_text(silence / step * step);
}

std::string next_hop_text(const IpAddress& next_hop) {
  return fmt::format("the next hop {} does not answer {}", next_hop.text(),
                     next_hop.is_v4() ? "ARP" : "Neighbour Discovery");
}

}  // namespace

HealthJudge::HealthJudge(Health settings, const std::vector<IpAddress>& next_hops)
    : settings_(std::move(settings)), reasons_(settings_.probes.size()) {
  for (const auto& address : next_hops) next_hops_.push_back({address});
}

void HealthJudge::presume_failed() {
  works_ = settings_.probes.empty();
}

void HealthJudge::on_link_lost() {
  open_ = false;
  waiting_ = 0;
  silent_rounds_ = 0;
  answered_rounds_ = 0;
  silent_since_.reset();
  for (auto& next_hop : next_hops_) next_hop.failed = false;
  // Nothing but the next hops could take the verdict back.
  if (settings_.probes.empty()) works_ = true;
}

unsigned HealthJudge::begin_round(MonotonicTime now) {
  if (open_) end_round(false);
  if (!silent_since_) silent_since_ = now;
  open_ = !settings_.probes.empty();
  waiting_ = settings_.probes.size();
  return ++round_;
}

void HealthJudge::on_outcome(const ProbeOutcome& outcome, MonotonicTime now) {
  count(outcome.answered);
  reasons_.at(outcome.probe) = outcome.why;
  if (outcome.answered) {
    rtt_ = outcome.rtt;
    silent_since_ = now;
  }
  // What comes late for an earlier round changes nothing that was decided.
  if (outcome.round != round_ || !open_) return;
  --waiting_;
  if (outcome.answered || waiting_ == 0) end_round(outcome.answered);
}

void HealthJudge::on_next_hop(const IpAddress& next_hop, bool failed) {
  const auto found = std::ranges::find(next_hops_, next_hop, &NextHop::address);
  if (found == next_hops_.end() || found->failed == failed) return;
  found->failed = failed;
  const bool none = all_next_hops_failed();
  if (settings_.probes.empty()) works_ = !none;
  if (!none) return;
  works_ = false;
  answered_rounds_ = 0;
}

bool HealthJudge::failed(const IpAddress& next_hop) const {
  const auto found = std::ranges::find(next_hops_, next_hop, &NextHop::address);
  return found != next_hops_.end() && found->failed;
}

UplinkHealth HealthJudge::health(MonotonicTime now) const {
  UplinkHealth out;
  out.works = works_;
  if (!works_) out.why = why(now);
  out.rtt = rtt_;
  if (!lost_.empty())
    out.loss =
        static_cast<double>(std::ranges::count(lost_, true)) / static_cast<double>(lost_.size());
  return out;
}

void HealthJudge::end_round(bool answered) {
  open_ = false;
  silent_rounds_ = answered ? 0 : silent_rounds_ + 1;
  answered_rounds_ = answered ? answered_rounds_ + 1 : 0;
  if (works_ && silent_rounds_ >= settings_.down_after) works_ = false;
  if (!works_ && answered_rounds_ >= settings_.up_after) works_ = true;
}

void HealthJudge::count(bool answered) {
  lost_.push_back(!answered);
  if (lost_.size() > kRemembered) lost_.pop_front();
}

bool HealthJudge::all_next_hops_failed() const {
  return !next_hops_.empty() && std::ranges::all_of(next_hops_, &NextHop::failed);
}

std::string HealthJudge::why(MonotonicTime now) const {
  if (all_next_hops_failed()) {
    std::string out;
    for (const auto& next_hop : next_hops_)
      out += (out.empty() ? "" : ", ") + next_hop_text(next_hop.address);
    return out;
  }
  std::string out = "no answer from ";
  for (std::size_t i = 0; i < settings_.probes.size(); ++i) {
    out += (i == 0 ? "" : ", ") + probe_text(settings_.probes[i]);
    if (!reasons_[i].empty()) out += fmt::format(" ({})", reasons_[i]);
  }
  if (silent_since_) out += " for " + silence_text(now - *silent_since_);
  return out;
}

}  // namespace anabranch::gateway
