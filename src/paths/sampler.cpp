// SPDX-License-Identifier: MIT
#include "paths/sampler.hpp"

#include <utility>
#include <vector>

namespace anabranch::paths {
namespace {

constexpr seconds kIdle{2};

}  // namespace

Result<void> Sampler::read(std::span<const Token> tokens,
                           const std::map<Token, Connection>& connections,
                           const std::function<void(Input)>& tell) {
  auto infos = diag_.connections(tokens);
  if (!infos) return std::unexpected(infos.error());
  std::vector<input::Sample> samples;
  std::vector<kernel::SocketDiag::Key> keys;
  std::vector<std::size_t> owners;
  std::vector<Token> gone;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto& info = (*infos)[i];
    if (!info) {
      gone.push_back(tokens[i]);
      seen_.erase(tokens[i]);
      continue;
    }
    samples.push_back({*info, {}});
    const auto known = connections.find(tokens[i]);
    if (known == connections.end()) continue;
    // A connection that waits for what a silent path holds does not move either, and just then its
    // subflows matter: only after a while it counts as idle.
    const auto now = MonotonicClock::now();
    const Moved state{info->octets_sent, info->octets_received, info->octets_acknowledged,
                      known->second.subflows.size()};
    auto& before = seen_[tokens[i]];
    if (before.state != state || info->written != info->unacknowledged) before = {state, now};
    if (now - before.at > kIdle) continue;
    for (const auto& [key, subflow] : known->second.subflows) {
      keys.push_back({key.local, key.remote, subflow.ifindex});
      owners.push_back(samples.size() - 1);
    }
  }
  auto subflows = diag_.subflows(keys);
  if (!subflows) return std::unexpected(subflows.error());
  for (std::size_t i = 0; i < keys.size(); ++i)
    if ((*subflows)[i]) samples[owners[i]].subflows.push_back(*(*subflows)[i]);
  for (auto& sample : samples) tell(std::move(sample));
  for (const auto token : gone) tell(input::Gone{token});
  return {};
}

}  // namespace anabranch::paths
