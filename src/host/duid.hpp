// SPDX-License-Identifier: MIT
// The host's DHCP unique identifier, made once and kept in <state directory>/duid.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/ip.hpp"

namespace anabranch::host {

/// A DUID-UUID, random at first. Where it cannot be kept, a DUID-LL of `fallback` (which is the
/// same next time without being kept) with a warning.
std::vector<std::uint8_t> load_or_make_duid(const std::filesystem::path& file,
                                            const MacAddress& fallback);

}  // namespace anabranch::host
