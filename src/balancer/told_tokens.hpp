// SPDX-License-Identifier: MIT
// What a server has said of its tokens, and what is new in what it says. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "balancer/token_set.hpp"
#include "wire/balancer_control.hpp"

namespace anabranch::balancer {

class ToldTokens {
 public:
  struct News {
    std::vector<std::uint32_t> learned;
    std::vector<std::uint32_t> gone;  ///< a token in both is gone
    std::size_t refused = 0;          ///< there was no room for them
  };

  /// Takes a message of the server; no more than `room` tokens are kept. Between one that begins
  /// and one that ends, whatever was known before is kept until it is told again or not: a server
  /// whose connection ends in between loses nothing.
  News take(const wire::ControlTokens& message, std::size_t room);
  std::size_t size() const { return known_.size() + former_.size(); }

 private:
  TokenSet known_;
  TokenSet former_;  ///< known before, and not told again yet
};

}  // namespace anabranch::balancer
