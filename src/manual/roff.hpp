// SPDX-License-Identifier: MIT
// Pieces of manual pages in man(7).
#pragma once

#include <string>
#include <string_view>

namespace anabranch::manual::roff {

/// Text that no request can hide in. A '-' at the begin of a word is one to type.
std::string text(std::string_view plain);
/// Every '-' is one to type: options, commands, keys.
std::string code(std::string_view plain);

inline std::string bold(std::string_view plain) {
  return "\\fB" + code(plain) + "\\fR";
}
inline std::string italic(std::string_view plain) {
  return "\\fI" + code(plain) + "\\fR";
}

/// A paragraph under `tag`, which is roff already.
std::string tagged(const std::string& tag, std::string_view plain);

}  // namespace anabranch::manual::roff
