// SPDX-License-Identifier: MIT
// Addresses of domain names, by the resolver of this machine (getaddrinfo), which blocks: on
// threads of its own. Names of a hundred clients at once wait for few threads; a name server that
// is silent takes these for some seconds each, and names that find no room are refused.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.hpp"

namespace anabranch::proxy {

class NameResolver {
 public:
  struct Answer {
    std::vector<IpAddress> addresses;  ///< in the order of RFC 6724; empty: none
    bool may_come = false;             ///< of none: no name server has answered
  };
  using Done = std::function<void(Answer)>;
  /// What looks a name up; may block.
  using LookUp = std::function<Answer(const std::string& name)>;

  static constexpr std::size_t kThreads = 8;
  static constexpr std::size_t kMostWaiting = 256;

  NameResolver();
  explicit NameResolver(LookUp look_up);
  /// What was not answered is not any more. A thread that waits for a name server ends when it has
  /// heard, or with the process.
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  /// `done` is called on another thread. False: too many names wait, and it is not. Any thread may
  /// call this.
  bool resolve(std::string name, Done done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace anabranch::proxy
