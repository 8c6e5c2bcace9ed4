// SPDX-License-Identifier: MIT
// What the Decider shows of subflows: those that are not there, and those that do not answer.
#include <algorithm>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {

std::vector<Waiting> Decider::waiting(Token token) const {
  std::vector<Waiting> out;
  const auto connection = impl_->connections.find(token);
  const auto track = impl_->tracks.find(token);
  if (connection == impl_->connections.end() || track == impl_->tracks.end()) return out;
  const auto& subflows = connection->second.subflows;
  const auto is_open = [&](const Pair& pair) {
    return std::ranges::any_of(subflows, [&](const auto& entry) {
      return entry.first.local.address == pair.local && entry.first.remote.address == pair.remote;
    });
  };
  const auto& peers = connection->second.peer_addresses;
  for (const auto& one : track->second.pending)
    if (const Pair pair{one.local, one.remote.address}; !is_open(pair) && !impl_->failed(pair))
      out.push_back({one.local, one.remote, "connecting", std::nullopt});
  for (const auto& [pair, state] : impl_->health) {
    if (state.state != PairHealth::State::kFailed || is_open(pair)) continue;
    const auto peer = std::ranges::find_if(
        peers, [&](const auto& entry) { return entry.second.endpoint.address == pair.remote; });
    if (peer != peers.end())
      out.push_back({pair.local, peer->second.endpoint, "path-failed", std::nullopt});
  }
  for (const auto& [pair, retry] : track->second.retries) {
    if (is_open(pair) || impl_->failed(pair)) continue;
    const auto peer = std::ranges::find_if(
        peers, [&](const auto& entry) { return entry.second.endpoint.address == pair.remote; });
    if (peer != peers.end())
      out.push_back(
          {pair.local, peer->second.endpoint, retry.code, retry.not_before, retry.detail});
  }
  return out;
}

bool Decider::silent(const SubflowKey& key) const {
  const auto found = impl_->health.find({key.local.address, key.remote.address});
  return found != impl_->health.end() && found->second.state != PairHealth::State::kFine;
}

std::optional<IpAddress> Decider::preferred(Family family) const {
  const auto found = impl_->preferred.find(family);
  return found == impl_->preferred.end() ? std::nullopt : found->second;
}

}  // namespace anabranch::paths
