// SPDX-License-Identifier: MIT
// What `anabranch paths show` prints for people, made of the JSON that it got.
#pragma once

#include <string>

#include "base/result.hpp"

namespace anabranch::paths {

/// Paths as a table, then each connection with a table of its subflows and a line for each subflow
/// that is waited for. An error for what is no report (report.hpp).
Result<std::string> report_text(const std::string& json);

}  // namespace anabranch::paths
