// SPDX-License-Identifier: MIT
// Whether a subflow is a backup is a matter of three: of us, of our kernel, which may pass a change
// over, and of the peer, which may not hear of it. The kernel's flag is read; what the peer
// believes shows in where its data comes (priority_watch.hpp).
#include <algorithm>

#include <fmt/core.h>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

/// MP_PRIO is looked at in the kernel after so long, and repeated so often.
constexpr milliseconds kVerify{60};
constexpr unsigned kFlagAttempts = 5;
/// Data came a moment ago: on a subflow that is not idle, on one that is in full use.
constexpr milliseconds kOfLate{200};
constexpr milliseconds kJustNow{25};

}  // namespace

void Decider::Impl::verify_flags(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  for (auto& [key, subflow] : connection.subflows) {
    auto& mine = track.subflows[key];
    if (!mine.flag_asked || now - *mine.flag_asked < kVerify) continue;
    if (subflow.last.requested_backup == subflow.backup || mine.flag_attempts >= kFlagAttempts) {
      mine.flag_asked.reset();
      continue;
    }
    ++mine.flag_attempts;
    mine.flag_asked = now;
    act(action::SetBackup{connection.token, key, subflow.backup}, "verify");
  }
}

/// What the peer's data says of a subflow. Only beside others that are busy does it say anything: a
/// peer with nothing to send uses none, one whose other subflows have died uses a backup.
PriorityWatch::Conduct Decider::Impl::conduct(const Connection& connection, const Subflow& subflow,
                                              MonotonicTime now) const {
  using Conduct = PriorityWatch::Conduct;
  const auto& track = tracks.at(connection.token);
  const auto& mine = track.subflows.at(subflow.key);
  const bool used = now - mine.heard < kOfLate;
  if (used && !subflow.backup) return Conduct::kAsTold;
  const bool others_busy = std::ranges::any_of(connection.subflows, [&](const auto& entry) {
    const auto& its = track.subflows.at(entry.first);
    return entry.first != subflow.key && !entry.second.backup && !its.doomed &&
           its.silence.receives_steadily() && now - its.heard < kJustNow;
  });
  if (!others_busy) return Conduct::kUnknown;
  if (subflow.backup && !used) return Conduct::kAsTold;
  if (subflow.backup)
    return mine.silence.receives_steadily() ? Conduct::kContrary : Conduct::kUnknown;
  const bool good = proven(subflow, now) && !mine.doomed &&
                    !failed({subflow.key.local.address, subflow.key.remote.address});
  return good ? Conduct::kContrary : Conduct::kUnknown;
}

void Decider::Impl::tell_priority_again(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  if (connection.server_side || connection.subflows.size() < 2) return;
  for (auto& [key, subflow] : connection.subflows) {
    auto& mine = track.subflows[key];
    // It has just been told; or the peer itself wants it as a backup, and that counts as well.
    if (mine.flag_asked || subflow.last.backup || !track.holding_back.empty()) {
      mine.priority = {};
      continue;
    }
    if (!mine.priority.sample(conduct(connection, subflow, now), now)) continue;
    note(connection.token, "priority-unheard",
         fmt::format("the peer {} subflow {} to {}, which is {} backup, and is told again",
                     subflow.backup ? "uses" : "does not use", key.local.text(), key.remote.text(),
                     subflow.backup ? "a" : "no"));
    act(action::SetBackup{connection.token, key, subflow.backup}, "priority-unheard");
    // The path of a subflow that had nothing to carry may have died unnoticed: MP_PRIO is lost then
    // as often as it is sent.
    if (!subflow.backup) doubt(connection, subflow, now);
  }
}

}  // namespace anabranch::paths
