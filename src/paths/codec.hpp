// SPDX-License-Identifier: MIT
// Inputs, actions and settings as JSON: what a recording is made of, and what the monitor tells.
// Times and durations are whole nanoseconds, addresses are text; what is zero, false or empty is
// left out. Text that is no UTF-8 (the name of a cgroup may be anything) is told with U+FFFD in it.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "paths/action.hpp"
#include "paths/input.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

/// {"event":{...}}: one member, named after the kind of input.
nlohmann::json encode(const Input& input);
/// {"number","reason","create_subflow":{...}}
nlohmann::json encode(const Action& action);
/// All but the address of the metrics.
nlohmann::json encode(const Settings& settings);

/// "create_subflow": the member that tells what the action is.
std::string_view action_name(const Action& action);
/// "event", "sample", ...
std::string_view input_name(const Input& input);
/// "subflow-closed", ...: the type of an event.
std::string_view event_name(kernel::MptcpEvent::Type type);

/// The other way, for values from anywhere: an error for an unknown member, a wrong type, and
/// numbers that no clock and no kernel gives.
Result<Input> decode_input(const nlohmann::json& value);
Result<Action> decode_action(const nlohmann::json& value);
Result<Settings> decode_settings(const nlohmann::json& value);
/// Nanoseconds since the start of the monotonic clock.
Result<MonotonicTime> decode_time(const nlohmann::json& value);

}  // namespace anabranch::paths
