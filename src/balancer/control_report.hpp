// SPDX-License-Identifier: MIT
// What `anabranch balancer show` tells of the control channel.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "balancer/control_listener.hpp"

namespace anabranch::balancer {

nlohmann::json control_json(const ControlListener& control);
/// Of control_json() as it came through the status socket; nothing for anything else.
std::string control_text(const nlohmann::json& control);

}  // namespace anabranch::balancer
