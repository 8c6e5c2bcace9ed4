// SPDX-License-Identifier: MIT
#include "paths/supervisor.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "paths/hand_over.hpp"

namespace anabranch::paths {
namespace {

/// SIGABRT is how a service manager ends a service that gives no sign of life.
constexpr std::array kHandedOn{SIGTERM, SIGINT, SIGHUP, SIGABRT};

sigset_t handed_on() {
  sigset_t out;
  ::sigemptyset(&out);
  for (const int number : kHandedOn) ::sigaddset(&out, number);
  return out;
}

/// WATCHDOG_PID names the process that is to send the signs of life (sd_watchdog_enabled(3)).
void take_watchdog() {
  if (std::getenv("WATCHDOG_PID") != nullptr)
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
}

[[noreturn]] void run_worker(const std::function<Result<void>()>& worker, pid_t parent,
                             const sigset_t& before) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (::getppid() != parent) ::raise(SIGTERM);
  take_watchdog();
  const auto done = worker();
  if (!done) log::error("{}", done.error().text());
  ::exit(static_cast<int>(done ? ExitCode::kOk : done.error().code));
}

/// The signal, 0 for none.
int hand_on(pid_t worker, int signals) {
  signalfd_siginfo signal{};
  if (::read(signals, &signal, sizeof signal) != sizeof signal) return 0;
  const int number = static_cast<int>(signal.ssi_signo);
  if (number == SIGABRT) log::error("the path manager gives no sign of life and is killed");
  ::kill(worker, number == SIGABRT ? SIGKILL : number);
  return number;
}

/// `ended_by_us`: the signal to end was handed on, perhaps before the worker could take it.
ExitCode judge(int status, bool ended_by_us) {
  if (WIFEXITED(status)) {
    const int code = WEXITSTATUS(status);
    return code <= static_cast<int>(ExitCode::kNotRunning) ? static_cast<ExitCode>(code)
                                                           : ExitCode::kFailed;
  }
  if (ended_by_us && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT))
    return ExitCode::kOk;
  log::error("the path manager died by signal {}; new connections are the kernel's again",
             WTERMSIG(status));
  return ExitCode::kFailed;
}

Result<ExitCode> wait_for(pid_t worker, int signals) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, worker, 0)));
  if (!pidfd) return fail_errno("cannot watch the path manager");
  bool ended_by_us = false;
  for (;;) {
    std::array<pollfd, 2> ready{{{pidfd.get(), POLLIN, 0}, {signals, POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail_errno("cannot watch the path manager");
    }
    if (ready[1].revents != 0) {
      const int number = hand_on(worker, signals);
      ended_by_us = ended_by_us || number == SIGTERM || number == SIGINT;
    }
    int status = 0;
    if (ready[0].revents != 0 && ::waitpid(worker, &status, 0) == worker)
      return judge(status, ended_by_us);
  }
}

}  // namespace

Result<ExitCode> supervise(const std::function<Result<void>()>& worker) {
  const sigset_t mine = handed_on();
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &mine, &before);
  const UniqueFd signals(::signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return fail_errno("cannot watch for signals");
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("cannot start the path manager");
  if (child == 0) run_worker(worker, self, before);
  auto ended = wait_for(child, signals.get());
  if (!ended) ::kill(child, SIGKILL);
  // However it ended; in order it has done so itself and this does nothing.
  if (const auto done = hand_back(); !done) log::error("{}", done.error().text());
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return ended;
}

}  // namespace anabranch::paths
