// SPDX-License-Identifier: MIT
// What the peer must not keep of subflows that are gone: each takes one of the few places its
// kernel has, and when all are taken no subflow can come any more. The peer closes what has an id
// of ours when REMOVE_ADDR (RFC 8684 section 3.4.2) tells it so. That is not acknowledged, leaves
// by one subflow only, and the kernel sends it for addresses alone that it has subflows from or has
// announced: so the id is announced once more, and taken back at once.
#include <algorithm>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

/// What is taken back is told again after these times. The first one is for what was lost as other
/// paths failed as well, the second one for what was lost with the first.
constexpr seconds kFirstAgain{1};
constexpr seconds kSecondAgain{5};
constexpr unsigned kTimes = 2;
/// Connections that lose subflows together tell it again one after the other.
constexpr milliseconds kForEachConnection{1};
/// A peer's kernel overlooks the second of two that come at the same moment.
constexpr milliseconds kApart{10};
/// How often it is looked whether there is a subflow to tell it by.
constexpr milliseconds kStep{200};
/// Twice as many as a peer has places (the kernel's limit).
constexpr std::size_t kRemembered = 16;
/// All are told again at most so often, however often the peer refuses joins.
constexpr seconds kRemind{2};

}  // namespace

/// The id is not used for this address again: a REMOVE_ADDR that is still under way would take what
/// has it by then.
void Decider::Impl::take_back(Connection& connection, std::uint8_t id, const std::string& why,
                              MonotonicTime now) {
  act(action::RemoveAddress{connection.token, id}, why);
  announcer.removed(connection, id, now);
  if (id == 0) return;
  connection.ids.release(id, now);
  // Subflows are the client's affair, so it is the client who must not leave any.
  if (connection.server_side) return;
  auto& list = tracks[connection.token].taken_back;
  if (list.size() == kRemembered) list.erase(list.begin());
  const auto turn = connection.token % std::max<std::size_t>(1, connections.size());
  const auto wait = kFirstAgain + turn * kForEachConnection;
  list.push_back({id, now + wait});
  plan_later(connection.token, wait, now);
}

/// The kernel has closed a subflow whose end the peer may know nothing of: what a middlebox reset,
/// or what nothing was heard of any more.
void Decider::Impl::left_behind(Connection& connection, const Subflow& gone, MonotonicTime now) {
  const auto id = gone.local_id;
  if (connection.server_side || connection.observed_only || id == 0 || !connection.ids.used(id) ||
      std::ranges::any_of(connection.subflows,
                          [&](const auto& entry) { return entry.second.local_id == id; }))
    return;
  // What is asked for has the same id, and would go with it when it comes.
  const auto& local = gone.key.local.address;
  abandon_joins(
      connection, [&](const Pending& one) { return one.local == local; }, "subflow-lost");
  act(action::Announce{connection.token, id, {local, 0}, gone.ifindex}, "subflow-lost");
  take_back(connection, id, "subflow-lost", now);
}

/// What an id is announced as when it is only to be taken back: an address with a port is another
/// one to the kernel than the same without, and a peer does not try to reach what it has a subflow
/// to. With an IPv6 address the port has no room beside TCP's timestamps, so it has to be an
/// address that has no id. Nothing: there is none.
std::optional<Endpoint> Decider::Impl::stand_in(const Connection& connection,
                                                const Subflow& by) const {
  const auto family = by.key.local.address.family();
  if (family == Family::kIpv4) return by.key.local;
  const auto free = [&](const IpAddress& address) {
    return address.family() == family && !connection.ids.known(address);
  };
  if (free(connection.local.address)) return Endpoint{connection.local.address, 0};
  const auto found =
      std::ranges::find_if(paths, [&](const auto& entry) { return free(entry.first); });
  if (found == paths.end()) return std::nullopt;
  return Endpoint{found->first, 0};
}

void Decider::Impl::tell_again(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  auto& list = track.taken_back;
  const auto next = std::ranges::min_element(list, {}, &TakenBack::due);
  if (next == list.end() || next->due == TakenBack::kNever) return;
  if (next->due > now) return plan_later(connection.token, next->due - now, now);
  const Subflow* best = nullptr;
  for (const auto& [key, subflow] : connection.subflows)
    if (reliable(connection, subflow, now) &&
        (!best || track.subflows.at(key).progressed > track.subflows.at(best->key).progressed))
      best = &subflow;
  if (!best) return plan_later(connection.token, kStep, now);
  if (const auto as = stand_in(connection, *best); as && !connection.ids.used(next->id)) {
    act(action::Announce{connection.token, next->id, *as, best->ifindex}, "not-acknowledged");
    act(action::RemoveAddress{connection.token, next->id}, "not-acknowledged");
  }
  next->due = ++next->times < kTimes ? now + kSecondAgain : TakenBack::kNever;
  plan_later(connection.token, kApart, now);
}

/// The peer takes no subflow: perhaps it still has others that are gone.
void Decider::Impl::remind(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  if (track.taken_back.empty() || now < track.reminded + kRemind) return;
  track.reminded = now;
  for (auto& one : track.taken_back) one.due = std::min(one.due, now);
  plan_later(connection.token, {}, now);
}

}  // namespace anabranch::paths
