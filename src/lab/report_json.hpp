// SPDX-License-Identifier: MIT
// A scenario's result for programs.
#pragma once

#include <string>

#include "lab/result.hpp"

namespace anabranch::lab {

/// One line of JSON, keys in the order of the vectors; a figure that is no number becomes null:
///   {"scenario":..,"kernel":..,"version":..,"measurements":{NAME:{"value":..,"unit":..}},
///    "expectations":[{"name":..,"value":..,"bound":..,"ok":..}],"ok":..}
std::string report_json(const ScenarioResult& result);

}  // namespace anabranch::lab
