// SPDX-License-Identifier: MIT
// [converters] as values.
#pragma once

#include "base/config.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// Reads the section, and complains about addresses that no converter can have and those that no
/// DHCP server of `settings`, read already, tells.
Converters read_converters(const config::Section& section, const Settings& settings);

}  // namespace anabranch::gateway
