// SPDX-License-Identifier: MIT
#include "paths/echo_watch.hpp"

#include <algorithm>

namespace anabranch::paths {

void EchoWatch::sent(Token token, std::uint8_t id, unsigned attempt, MonotonicTime now) {
  forget(token, id);
  const Key key{token, id};
  const Watched watched{now + kPatience * (1U << (attempt - 1)), counters_, issued_++};
  watched_[key] = watched;
  deadlines_.emplace(watched.deadline, key);
}

void EchoWatch::forget(Token token, std::uint8_t id) {
  const auto found = watched_.find({token, id});
  if (found == watched_.end()) return;
  deadlines_.erase({found->second.deadline, found->first});
  watched_.erase(found);
}

void EchoWatch::forget(Token token) {
  auto at = watched_.lower_bound({token, 0});
  while (at != watched_.end() && at->first.first == token) {
    deadlines_.erase({at->second.deadline, at->first});
    at = watched_.erase(at);
  }
}

void EchoWatch::counters(const input::Counters& counters) {
  counters_ = counters;
}

bool EchoWatch::echoed(const Watched& watched) const {
  const auto heard = counters_.echoes_received - watched.before.echoes_received;
  // The kernel's count has its own repeats in it and what other path managers announce; ours has
  // what the kernel had no room to send.
  const auto sent = std::max(counters_.announcements_sent - watched.before.announcements_sent,
                             issued_ - watched.issued_before);
  return static_cast<double>(heard) >= kEnough * static_cast<double>(sent);
}

std::vector<EchoWatch::Verdict> EchoWatch::due(MonotonicTime now) {
  std::vector<Verdict> out;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Key key = deadlines_.begin()->second;
    out.push_back({key.first, key.second, echoed(watched_.at(key))});
    forget(key.first, key.second);
  }
  return out;
}

std::optional<MonotonicTime> EchoWatch::next() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

}  // namespace anabranch::paths
