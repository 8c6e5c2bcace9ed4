// SPDX-License-Identifier: MIT
// [uplink.health] as values.
#pragma once

#include <string>

#include "base/config.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// Reads the section of `uplink`, whose other keys are read already, and complains about what is
/// wrong in it.
Health read_health(const config::Section& section, const Uplink& uplink);

/// As it is written in the file, without the Host header.
std::string probe_text(const HealthProbe& probe);

}  // namespace anabranch::gateway
