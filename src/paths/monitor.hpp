// SPDX-License-Identifier: MIT
// What `anabranch paths monitor` tells as it happens: events of the kernel, changes of the paths,
// and what the Decider wants done. A flat JSON object each:
//
//   {"time":"2026-01-02T03:04:05.678Z","what":"subflow-closed","token":"0x9d7282f7",
//    "local":"10.1.0.2:4321","remote":"198.18.0.1:5001","error":110}
//   {"time":...,"what":"create-subflow","reason":"good-company","action":7,"token":...}
//
// The other members are those of a recording (codec.hpp): durations in nanoseconds, what is zero
// left out.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "paths/action.hpp"
#include "paths/input.hpp"

namespace anabranch::paths {

using WallTime = std::chrono::system_clock::time_point;

/// Nothing for what is no news: figures, ticks, answers to the daemon's own questions about itself.
std::optional<std::string> monitor_json(const Input& input, WallTime now);
std::string monitor_json(const Action& action, WallTime now);

/// One line for people, made of that JSON: time, what, token, addresses, the rest as key=value.
/// Empty for what is no such object.
std::string monitor_text(const std::string& json);

}  // namespace anabranch::paths
