// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace anabranch::kernel {

/// A balancer's program over one frame, without any network.
struct BalancerRun {
  std::uint32_t verdict = 0;        ///< XDP_TX, TC_ACT_REDIRECT, ...
  std::vector<std::uint8_t> frame;  ///< what the program has made of it
};

/// `program` is the descriptor of one that is loaded.
Result<BalancerRun> test_run(int program, std::span<const std::uint8_t> frame);

}  // namespace anabranch::kernel
