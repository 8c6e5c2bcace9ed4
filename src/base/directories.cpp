// SPDX-License-Identifier: MIT
#include "base/directories.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>

#include "base/fd.hpp"
#include "base/registry.hpp"

namespace anabranch {
namespace {

std::filesystem::path from_environment(const char* variable, std::string_view fallback) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return fallback;
  // systemd lists several directories with colons between; the first is the role's own.
  const std::string_view all(value);
  return all.substr(0, all.find(':'));
}

}  // namespace

std::filesystem::path runtime_directory() {
  return from_environment("RUNTIME_DIRECTORY", registry::kRuntimeDirectory);
}

std::filesystem::path state_directory() {
  return from_environment("STATE_DIRECTORY", registry::kStateDirectory);
}

Result<void> make_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail_errno(error.value(), "cannot create the directory", path.string());
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno("cannot read the file", path.string());
  std::string out;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0) return fail_errno("cannot read the file", path.string());
    if (got == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content,
                          unsigned mode) {
  if (path.has_parent_path()) ANABRANCH_TRY(make_directory(path.parent_path()));
  const std::string temporary = path.string() + ".new";
  UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file) return fail_errno("cannot write the file", temporary);
  while (!content.empty()) {
    const ssize_t put = ::write(file.get(), content.data(), content.size());
    if (put < 0) return fail_errno("cannot write the file", temporary);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  if (::fsync(file.get()) != 0) return fail_errno("cannot write the file", temporary);
  file.reset();
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    return fail_errno("cannot replace the file", path.string());
  return {};
}

}  // namespace anabranch
