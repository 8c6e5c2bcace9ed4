// SPDX-License-Identifier: MIT
// anabranch run -- CMD ARGS...: becomes CMD with the preload library in it.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "base/log.hpp"
#include "base/preload.hpp"
#include "cli/commands.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::cli {
namespace {

constexpr std::string_view kLibrary = "libanabranch-run.so";

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

/// Beside the executable as in a build tree, else where `make install` puts it relative to the
/// executable, so that an installation may be moved as a whole.
Result<std::filesystem::path> find_library() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto installed =
      (self.parent_path().parent_path() / ANABRANCH_LIBRARY_DIRECTORY / "anabranch" / kLibrary);
  for (const auto& place : {self.parent_path() / kLibrary, installed})
    if (!error && std::filesystem::exists(place, error)) return place;
  return fail("the preload library is missing", installed.string(), "install anabranch completely");
}

/// An error when LD_PRELOAD would be without effect on `path` or on the interpreter of a script.
Result<void> check_preloadable(const std::filesystem::path& path) {
  const auto refuse = [](const std::filesystem::path& where, const std::string& why) {
    return fail("cannot be given MPTCP sockets: " + why, where.string(),
                "start it without \"anabranch run\", or put a proxy with MPTCP in front of it",
                ExitCode::kNotPermitted);
  };
  const Credentials credentials{.user = ::getuid(), .group = ::getegid()};
  const auto file = inspect_executable(path);
  // Executable but not readable: nothing can be said, so let it run.
  if (!file) return {};
  if (const auto why = preload_obstacle(*file, credentials)) return refuse(path, *why);
  if (file->interpreter.empty()) return {};
  const auto interpreter = inspect_executable(file->interpreter);
  if (!interpreter) return {};
  if (const auto why = preload_obstacle(*interpreter, credentials))
    return refuse(file->interpreter, *why);
  return {};
}

/// Returns only when the program could not be started.
Error become(const std::vector<std::string>& words) {
  const auto library = find_library();
  if (!library) return library.error();
  const auto preload = preload_value(*library, environment("LD_PRELOAD"));
  if (!preload) return preload.error();
  const auto path = find_command(words.front(), environment("PATH"));
  if (!path) return path.error();
  if (const auto preloadable = check_preloadable(*path); !preloadable) return preloadable.error();
  if (!kernel::mptcp_available())
    log::warning(
        "MPTCP is not available here (kernel without it, or net.mptcp.enabled=0): {} runs with "
        "plain "
        "TCP",
        words.front());

  ::setenv("LD_PRELOAD", preload->c_str(), 1);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  // Not execv(): a script without "#!" is given to the shell, as shells themselves do.
  ::execvp(path->c_str(), arguments.data());
  const int reason = errno;
  auto error = fail_errno(reason, "cannot be started", path->string()).error();
  error.code = reason == ENOENT ? kCommandNotFound : kCommandNotExecutable;
  error.hint.clear();
  return error;
}

}  // namespace

void add_run(CLI::App& app, Outcome& outcome) {
  auto* run = app.add_subcommand("run", "Start a program with its TCP sockets made MPTCP");
  auto words = std::make_shared<std::vector<std::string>>();
  run->add_option("COMMAND", *words, "The program and its arguments, after --")
      ->type_name("")
      ->required();
  run->callback([words, &outcome] { outcome.value = std::unexpected(become(*words)); });
}

}  // namespace anabranch::cli
