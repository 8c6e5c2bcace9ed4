// SPDX-License-Identifier: MIT
// Child processes: started in a namespace, watched through a pidfd, never left behind.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::kernel {

struct SpawnOptions {
  std::vector<std::string> argv;                        ///< looked up in PATH
  std::map<std::string, std::string> environment = {};  ///< added to ours
  int network_namespace = -1;                           ///< enter this one first
  int standard_input = -1;                              ///< -1: /dev/null
  int standard_output = -1;                             ///< -1: ours
  int standard_error = -1;                              ///< -1: ours
  std::vector<int> keep_open = {};  ///< descriptors the child inherits under the same number
  bool die_with_parent = true;      ///< SIGKILL when the calling thread ends
  bool own_session = false;         ///< no terminal signals from ours
  /// Runs in the child before exec (mount set-up); an error ends the child and spawn() returns it.
  std::function<Result<void>()> prepare = {};
};

class Process {
 public:
  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  /// A child that still runs is killed and reaped.
  ~Process();

  explicit operator bool() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  /// Readable once the process has ended.
  int pidfd() const { return pidfd_.get(); }
  Result<void> signal(int number) const;
  /// Waits at most `patience` and reaps: exit code, or 128 + signal. Nothing while it still runs.
  std::optional<int> wait(nanoseconds patience);
  /// SIGTERM, then SIGKILL after `patience`; returns as wait().
  int stop(nanoseconds patience = seconds(3));

 private:
  friend Result<Process> spawn(const SpawnOptions& options);
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

/// Returns once exec has succeeded; a failed exec or prepare is the error.
Result<Process> spawn(const SpawnOptions& options);

struct CommandOutput {
  int exit_code = 0;
  std::string output;  ///< standard output
  std::string errors;  ///< standard error
};

/// Runs a helper to its end (killed after `patience`), feeding it `input`.
Result<CommandOutput> run_command(SpawnOptions options, std::string_view input = {},
                                  nanoseconds patience = seconds(20));

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
Result<Pipe> make_pipe();

/// Absolute path of the running executable.
std::string own_executable();

}  // namespace anabranch::kernel
