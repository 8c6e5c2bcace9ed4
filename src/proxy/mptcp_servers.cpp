// SPDX-License-Identifier: MIT
#include "proxy/mptcp_servers.hpp"

#include <algorithm>

namespace anabranch::proxy {

void MptcpServers::learn(const Endpoint& server, Time now) {
  const std::lock_guard lock(mutex_);
  if (learned_.size() >= kMost && !learned_.contains(server)) {
    std::erase_if(learned_, [&](const auto& item) { return now - item.second >= kFor; });
    if (learned_.size() >= kMost)
      learned_.erase(
          std::ranges::min_element(learned_, {}, [](const auto& item) { return item.second; }));
  }
  learned_[server] = now;
}

void MptcpServers::forget(const Endpoint& server) {
  const std::lock_guard lock(mutex_);
  learned_.erase(server);
}

bool MptcpServers::knows(const Endpoint& server, Time now) const {
  const std::lock_guard lock(mutex_);
  const auto found = learned_.find(server);
  return found != learned_.end() && now - found->second < kFor;
}

}  // namespace anabranch::proxy
