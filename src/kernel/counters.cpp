// SPDX-License-Identifier: MIT
#include "kernel/counters.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/directories.hpp"

namespace anabranch::kernel {
namespace {

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end > 0) out.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return out;
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

std::map<std::string, std::uint64_t> parse_counters(std::string_view text, std::string_view group) {
  std::map<std::string, std::uint64_t> out;
  while (!text.empty()) {
    const auto names = words(take_line(text));
    const auto values = words(take_line(text));
    if (names.empty() || values.size() != names.size() || names[0] != values[0]) continue;
    const auto prefix = names[0].substr(0, names[0].size() - 1);  // without the colon
    if (!group.empty() && prefix != group) continue;
    for (std::size_t i = 1; i < names.size(); ++i) {
      std::uint64_t value = 0;
      std::from_chars(values[i].data(), values[i].data() + values[i].size(), value);
      out[std::string(prefix) + std::string(names[i])] = value;
    }
  }
  return out;
}

Result<std::map<std::string, std::uint64_t>> read_counters(std::string_view group) {
  // A thread may be in a namespace of its own.
  const auto text = read_file("/proc/thread-self/net/netstat");
  if (!text) return std::unexpected(text.error());
  return parse_counters(*text, group);
}

}  // namespace anabranch::kernel
