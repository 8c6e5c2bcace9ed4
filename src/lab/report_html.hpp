// SPDX-License-Identifier: MIT
// A scenario's result for people: one HTML file that needs nothing else.
#pragma once

#include <string>

#include "lab/result.hpp"

namespace anabranch::lab {

/// The whole document. It loads nothing from anywhere: style, pictures and charts are inside, and
/// it runs no script. Follows the reader's light or dark setting; prints in black on white.
std::string report_html(const ScenarioResult& result);

}  // namespace anabranch::lab
