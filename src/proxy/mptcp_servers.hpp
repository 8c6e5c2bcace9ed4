// SPDX-License-Identifier: MIT
// Servers that speak MPTCP, as converters have told (RFC 8803 section 7.5). One memory for all
// worker threads.
#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "base/endpoint.hpp"

namespace anabranch::proxy {

class MptcpServers {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// What one more than these takes the place of is the one that was learned first.
  static constexpr std::size_t kMost = 4096;
  static constexpr std::chrono::hours kFor{1};

  void learn(const Endpoint& server, Time now);
  void forget(const Endpoint& server);
  bool knows(const Endpoint& server, Time now) const;

 private:
  mutable std::mutex mutex_;
  std::map<Endpoint, Time> learned_;
};

}  // namespace anabranch::proxy
