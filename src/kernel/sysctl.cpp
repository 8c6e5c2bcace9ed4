// SPDX-License-Identifier: MIT
#include "kernel/sysctl.hpp"

#include <cerrno>
#include <optional>
#include <sstream>
#include <system_error>

#include <fcntl.h>

#include "base/directories.hpp"
#include "base/fd.hpp"

namespace anabranch::kernel {
namespace {

std::string path_of(std::string_view key) {
  return "/proc/sys/" + std::string(key);
}

}  // namespace

Result<std::string> read_sysctl(std::string_view key) {
  auto content = read_file(path_of(key));
  if (content)
    while (!content->empty() && content->back() == '\n') content->pop_back();
  return content;
}

Result<void> write_sysctl(std::string_view key, std::string_view value) {
  const UniqueFd file(::open(path_of(key).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), value.data(), value.size()) < 0)
    return fail_errno("cannot set " + std::string(key) + " to " + std::string(value));
  return {};
}

SavedSysctls::SavedSysctls(std::filesystem::path file) : file_(std::move(file)) {
  const auto content = read_file(file_);
  if (!content) return;
  std::istringstream lines(*content);
  for (std::string line; std::getline(lines, line);)
    if (const auto equals = line.find('='); equals != std::string::npos)
      originals_[line.substr(0, equals)] = line.substr(equals + 1);
}

Result<void> SavedSysctls::save() const {
  std::string content;
  for (const auto& [key, value] : originals_) content += key + "=" + value + "\n";
  return replace_file(file_, content);
}

Result<void> SavedSysctls::set(const std::string& key, std::string_view value) {
  const auto old = read_sysctl(key);
  if (!old) return std::unexpected(old.error());
  if (*old == value) return {};
  if (originals_.try_emplace(key, *old).second) ANABRANCH_TRY(save());
  return write_sysctl(key, value);
}

Result<void> SavedSysctls::restore() {
  return restore_others({});
}

Result<void> SavedSysctls::restore_others(const std::set<std::string>& wanted) {
  std::optional<Error> first;
  const auto kept = originals_.size();
  std::erase_if(originals_, [&](const auto& original) {
    const auto& [key, value] = original;
    if (wanted.contains(key)) return false;
    if (!std::filesystem::exists(path_of(key))) return true;
    const auto done = write_sysctl(key, value);
    if (!done && !first) first = done.error();
    return done.has_value();
  });
  if (originals_.empty()) {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  } else if (originals_.size() != kept) {
    ANABRANCH_TRY(save());
  }
  if (first) return std::unexpected(*std::move(first));
  return {};
}

}  // namespace anabranch::kernel
