// SPDX-License-Identifier: MIT
// What middleboxes do to a subflow while its path is well: a firewall resets it, a NAT forgets it.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "lab/network.hpp"

namespace anabranch::lab {

enum class Blow : std::uint8_t {
  kReset,      ///< both ends get a RST for what they send next
  kForgotten,  ///< nothing of it arrives any more, either way
};

/// Strikes the two-homed network of that suffix: packets of path `path` with the client's port
/// `port`, of every subflow on the path when it is 0. Lasts until lift_blows().
Result<void> strike(Network& network, const std::string& suffix, Blow blow, unsigned path,
                    std::uint16_t port = 0);
/// What was struck on the path is let through again. None is fine.
Result<void> lift_blows(Network& network, const std::string& suffix, unsigned path);

}  // namespace anabranch::lab
