// SPDX-License-Identifier: MIT
#include "lab/sandbox.hpp"

#include <cerrno>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "lab/lab_cgroup.hpp"

namespace anabranch::lab {
namespace {

constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;

/// The first process inside; the signal handler outside ends it.
volatile sig_atomic_t inner_pid = 0;

void end_inside(int) {
  if (inner_pid > 0) ::kill(static_cast<pid_t>(inner_pid), SIGKILL);
}

Result<void> write_map(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) < 0)
    return fail_errno("cannot write " + std::string(path));
  return {};
}

Result<void> unshare_all() {
  if (::geteuid() == 0 && ::unshare(kNamespaces) == 0) return {};
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | kNamespaces) != 0) {
    auto out = fail_errno("cannot make namespaces");
    out.error().hint =
        "this kernel lets ordinary users make no user namespaces; run the lab as root";
    return out;
  }
  ANABRANCH_TRY(write_map("/proc/self/setgroups", "deny"));
  ANABRANCH_TRY(write_map("/proc/self/uid_map", "0 " + uid + " 1"));
  return write_map("/proc/self/gid_map", "0 " + gid + " 1");
}

Result<void> mount_inside() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make mounts private");
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return fail_errno("cannot mount /proc");
  if (::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
    return fail_errno("cannot mount a private /run");
  return {};
}

int inside(const LabCgroup& cgroup, const std::function<int()>& work) {
  // The parent is outside the new process namespace and has number 0 here.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  cgroup.enter();
  if (const auto done = mount_inside(); !done) {
    std::fprintf(stderr, "anabranch: %s\n", done.error().text().c_str());
    return static_cast<int>(done.error().code);
  }
  return work();
}

}  // namespace

Result<int> run_in_sandbox(const std::function<int()>& work) {
  // Made and removed outside: it can go when everything inside has ended.
  const auto cgroup = LabCgroup::make();
  ANABRANCH_TRY(unshare_all());
  // Held back until the handler knows whom to end.
  sigset_t ending;
  sigset_t before;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGHUP);
  ::sigprocmask(SIG_BLOCK, &ending, &before);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot fork");
  if (pid == 0) {
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    const int code = inside(cgroup, work);
    std::fflush(nullptr);
    ::_exit(code);
  }
  inner_pid = pid;
  struct sigaction action {};
  action.sa_handler = end_inside;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  inner_pid = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace anabranch::lab
