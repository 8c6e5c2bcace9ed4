// SPDX-License-Identifier: MIT
// Starting a program with a library preloaded: where the program is, whether the dynamic linker
// will take the library into it at all, and what LD_PRELOAD is then.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.hpp"

namespace anabranch {

/// What of an executable file decides about preloading.
struct ExecutableFile {
  std::filesystem::path path;
  std::filesystem::path interpreter;  ///< of a script ("#!"), else empty
  bool elf = false;
  bool same_machine = false;  ///< ELF of this program's own class and machine
  bool dynamic = false;       ///< ELF that names a dynamic linker (PT_INTERP)
  bool set_user_id = false;
  bool set_group_id = false;
  bool capabilities = false;  ///< security.capability is set
  uid_t owner = 0;
  gid_t group = 0;
};

/// Reads `path`; an error when it cannot be read.
Result<ExecutableFile> inspect_executable(const std::filesystem::path& path);

/// Whom the program is started by.
struct Credentials {
  uid_t user = 0;
  gid_t group = 0;
};

/// Why the dynamic linker would not preload anything into `file`, as a sentence; nothing when it
/// would. Set-user-ID and the like matter only when they change who the program runs as (ld.so(8),
/// "secure execution mode").
std::optional<std::string> preload_obstacle(const ExecutableFile& file, Credentials started_by);

/// LD_PRELOAD with `library` first and what `current` has after it. A library that is in it already
/// stays where it is. LD_PRELOAD cannot hold a path with a space or a colon: kBadInput.
Result<std::string> preload_value(const std::filesystem::path& library, std::string_view current);

/// What a shell would start for `command`: itself when it has a slash, else the first executable
/// file of that name in the directories of `path_variable`. Fails with exit code 127 (not found) or
/// 126 (found, not executable), as shells do.
Result<std::filesystem::path> find_command(std::string_view command,
                                           std::string_view path_variable);

/// The exit codes of find_command(), which are outside our own list.
inline constexpr ExitCode kCommandNotExecutable{126};
inline constexpr ExitCode kCommandNotFound{127};

}  // namespace anabranch
