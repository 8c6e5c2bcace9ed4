// SPDX-License-Identifier: MIT
// What a process has used of the machine.
#pragma once

#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace anabranch::lab {

struct ProcessFigures {
  double resident_kilobytes = 0;
  double processor_ms = 0;  ///< user and system time since it began
};

/// Fails when the process is gone.
Result<ProcessFigures> process_figures(pid_t pid);

/// Processes that this one has started itself.
std::vector<pid_t> children_of(pid_t pid);

}  // namespace anabranch::lab
