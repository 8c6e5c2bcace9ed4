// SPDX-License-Identifier: MIT
// Octets as tests write them down.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace anabranch::test {

/// "0102 2263": hexadecimal digits, in pairs; spaces count for nothing.
inline std::vector<std::uint8_t> hex(std::string_view digits) {
  std::vector<std::uint8_t> out;
  unsigned value = 1;
  for (const char digit : digits) {
    if (digit == ' ') continue;
    value = value << 4 | static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    if (value < 0x100) continue;
    out.push_back(static_cast<std::uint8_t>(value));
    value = 1;
  }
  return out;
}

}  // namespace anabranch::test
