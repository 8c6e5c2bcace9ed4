// SPDX-License-Identifier: MIT
#include "paths/sampler.hpp"

#include <utility>
#include <vector>

namespace anabranch::paths {

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
    // What waits for an acknowledgement may have stopped moving for a reason: look at it, too.
    const Seen now{info->octets_sent, info->octets_received, info->octets_acknowledged,
                   known->second.subflows.size()};
    if (auto& before = seen_[tokens[i]];
        std::exchange(before, now) == now && info->written == info->unacknowledged &&
        known->second.last.octets_received == info->octets_received &&
        known->second.since + seconds(2) < MonotonicClock::now())
      continue;
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
