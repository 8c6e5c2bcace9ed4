// SPDX-License-Identifier: MIT
#include "kernel/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace anabranch::kernel {
namespace {

/// What a child that cannot start tells its parent before it ends.
[[noreturn]] void tell_and_exit(int report, const Error& error) {
  const std::string text = error.what + '\n' + error.hint;
  [[maybe_unused]] const ssize_t put = ::write(report, text.data(), text.size());
  ::_exit(127);
}

void place(int from, int to) {
  if (from == to)
    ::fcntl(to, F_SETFD, 0);
  else
    ::dup2(from, to);
}

[[noreturn]] void become(const SpawnOptions& options, int report, pid_t parent) {
  if (options.die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // In a PID namespace the parent may be outside, and getppid() is then 0.
    if (::getppid() != parent && ::getppid() != 0) ::_exit(127);
  }
  if (options.own_session) ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // We ignore it; a program we start must not inherit that.
  ::signal(SIGPIPE, SIG_DFL);
  if (options.network_namespace >= 0 && ::setns(options.network_namespace, CLONE_NEWNET) != 0)
    tell_and_exit(report, fail_errno("cannot enter the network namespace").error());
  for (const auto& [key, value] : options.environment) ::setenv(key.c_str(), value.c_str(), 1);
  if (options.prepare)
    if (const auto done = options.prepare(); !done) tell_and_exit(report, done.error());
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) tell_and_exit(report, fail_errno("cannot open /dev/null").error());
  place(options.standard_input >= 0 ? options.standard_input : null, 0);
  if (options.standard_output >= 0) place(options.standard_output, 1);
  if (options.standard_error >= 0) place(options.standard_error, 2);
  for (const int fd : options.keep_open) ::fcntl(fd, F_SETFD, 0);
  std::vector<char*> argv;
  for (const auto& word : options.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  tell_and_exit(report, fail_errno("cannot run '" + options.argv[0] + "'").error());
}

int decode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string read_all(int fd) {
  std::string out;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    if (pid_ > 0) stop({});
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

Process::~Process() {
  if (pid_ > 0) stop({});
}

Result<void> Process::signal(int number) const {
  if (pid_ <= 0) return fail("no process to signal");
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0)
    return fail_errno("cannot signal process " + std::to_string(pid_));
  return {};
}

std::optional<int> Process::wait(nanoseconds patience) {
  if (pid_ <= 0) return 0;
  const auto deadline = MonotonicClock::now() + patience;
  for (;;) {
    const auto left = std::max(
        nanoseconds(0), std::chrono::duration_cast<nanoseconds>(deadline - MonotonicClock::now()));
    const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    pollfd poll{pidfd_.get(), POLLIN, 0};
    const int ready = ::ppoll(&poll, 1, &timeout, nullptr);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    pidfd_.reset();
    return decode(status);
  }
}

int Process::stop(nanoseconds patience) {
  if (pid_ <= 0) return 0;
  if (patience.count() > 0) {
    ::kill(pid_, SIGTERM);
    if (const auto code = wait(patience)) return *code;
  }
  ::kill(pid_, SIGKILL);
  return wait(std::chrono::hours(1)).value_or(0);
}

Result<Process> spawn(const SpawnOptions& options) {
  auto report = make_pipe();
  if (!report) return std::unexpected(report.error());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot fork");
  if (pid == 0) become(options, report->write.get(), parent);
  report->write.reset();
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    auto error = fail_errno("cannot watch the child process");
    // Not by ~Process, which would wait at the descriptor that is not there.
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return error;
  }
  Process process(pid, std::move(pidfd));
  // Closed by a successful exec: nothing to read means it runs.
  const std::string problem = read_all(report->read.get());
  if (!problem.empty()) {
    process.wait(seconds(5));
    const auto line = problem.find('\n');
    return fail(problem.substr(0, line), {},
                line == std::string::npos ? "" : problem.substr(line + 1));
  }
  return process;
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<CommandOutput> run_command(SpawnOptions options, std::string_view input,
                                  nanoseconds patience) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  if (!in || !out || !err) return fail("cannot make a pipe");
  options.standard_input = in->read.get();
  options.standard_output = out->write.get();
  options.standard_error = err->write.get();
  auto process = spawn(options);
  if (!process) return std::unexpected(process.error());
  in->read.reset();
  out->write.reset();
  err->write.reset();
  for (const int fd : {in->write.get(), out->read.get(), err->read.get()})
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);

  CommandOutput result;
  const auto deadline = MonotonicClock::now() + patience;
  if (input.empty()) in->write.reset();
  while (out->read || err->read) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - MonotonicClock::now()).count();
    if (left <= 0) {
      process->stop({});
      return fail("'" + options.argv[0] + "' did not finish in " + duration_text(patience));
    }
    std::array<pollfd, 3> polls{{{in->write.get(), POLLOUT, 0},
                                 {out->read.get(), POLLIN, 0},
                                 {err->read.get(), POLLIN, 0}}};
    if (::poll(polls.data(), polls.size(), static_cast<int>(left)) < 0 && errno != EINTR) break;
    if (in->write && polls[0].revents != 0) {
      const ssize_t put = ::write(in->write.get(), input.data(), input.size());
      if (put > 0) input.remove_prefix(static_cast<std::size_t>(put));
      if (input.empty() || (put < 0 && errno != EAGAIN)) in->write.reset();
    }
    const auto take = [](UniqueFd& fd, short events, std::string& into) {
      if (!fd || events == 0) return;
      std::array<char, 8192> buffer;
      const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
      if (got > 0)
        into.append(buffer.data(), static_cast<std::size_t>(got));
      else if (got == 0 || errno != EAGAIN)
        fd.reset();
    };
    take(out->read, polls[1].revents, result.output);
    take(err->read, polls[2].revents, result.errors);
  }
  const auto code =
      process->wait(std::max(nanoseconds(0), nanoseconds(deadline - MonotonicClock::now())));
  result.exit_code = code ? *code : process->stop({});
  return result;
}

std::string own_executable() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "anabranch" : path.string();
}

}  // namespace anabranch::kernel
