// SPDX-License-Identifier: MIT
// Users of this machine as configuration files name them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace anabranch {

/// The number of a user that is named by it, or by a name that this machine knows; nothing when
/// there is no such user.
std::optional<std::uint32_t> parse_user(const std::string& text);

}  // namespace anabranch
