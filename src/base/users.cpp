// SPDX-License-Identifier: MIT
#include "base/users.hpp"

#include <cerrno>
#include <charconv>
#include <system_error>
#include <vector>

#include <pwd.h>

namespace anabranch {

std::optional<std::uint32_t> parse_user(const std::string& text) {
  std::uint32_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end) return number;
  // Beyond an octet 0 the system would not look.
  if (text.empty() || text.find('\0') != text.npos) return std::nullopt;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(1024);
  while (::getpwnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE &&
         buffer.size() < (1u << 20))
    buffer.resize(buffer.size() * 2);
  if (found == nullptr) return std::nullopt;
  return entry.pw_uid;
}

}  // namespace anabranch
