// SPDX-License-Identifier: MIT
// `anabranch converter run`: the Transport Converter as a process.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace anabranch::proxy {

/// Serves clients until SIGTERM or SIGINT, or, once it drains, until the last connection is over.
Result<void> run_converter(const std::filesystem::path& file);

/// Removes what a converter that was killed has left in the kernel.
Result<void> clean_up_converter();

}  // namespace anabranch::proxy
