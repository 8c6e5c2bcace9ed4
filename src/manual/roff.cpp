// SPDX-License-Identifier: MIT
#include "manual/roff.hpp"

namespace anabranch::manual::roff {
namespace {

std::string escaped(std::string_view plain, bool all_dashes) {
  std::string out;
  // A line that begins with one of these would be a request.
  if (plain.starts_with('.') || plain.starts_with('\'')) out += "\\&";
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool at_word = i == 0 || plain[i - 1] == ' ' || plain[i - 1] == '-';
    if (plain[i] == '\\')
      out += "\\e";
    else if (plain[i] == '-' && (all_dashes || at_word))
      out += "\\-";
    else
      out += plain[i];
  }
  return out;
}

}  // namespace

std::string text(std::string_view plain) {
  return escaped(plain, false);
}

std::string code(std::string_view plain) {
  return escaped(plain, true);
}

std::string tagged(const std::string& tag, std::string_view plain) {
  return ".TP\n" + tag + '\n' + text(plain) + '\n';
}

}  // namespace anabranch::manual::roff
