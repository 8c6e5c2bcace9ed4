// SPDX-License-Identifier: MIT
// How definitions of settings are told to people: in the example file and in the manual.
#pragma once

#include <string>

#include "base/config.hpp"

namespace anabranch::manual {

/// What a value of this setting is: "text", "whole number from 1 to 64", "one of "a", "b"".
std::string kind_text(const config::Setting& setting);

/// Its fallback as the file writes it, quotes and all; empty when there is none.
std::string fallback_text(const config::Setting& setting);

/// The value that the example file shows, in the entry `number` of a [[table]]: the example, or
/// else the fallback.
std::string example_text(const config::Setting& setting, unsigned number = 1);

inline bool is_table(const config::Setting& setting) {
  return setting.kind == config::Kind::kTable || setting.kind == config::Kind::kTables;
}

}  // namespace anabranch::manual
