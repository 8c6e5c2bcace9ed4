// SPDX-License-Identifier: MIT
#include "kernel/feature_probe.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace anabranch::kernel {
namespace {

/// Between state, detail and hint on the pipe from the child.
constexpr char kSeparator = '\x1f';

bool write_file(const char* path, const std::string& text) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string encode(const Finding& finding) {
  return std::to_string(static_cast<int>(finding.state)) + kSeparator + finding.detail +
         kSeparator + finding.hint;
}

Finding decode(const std::string& text) {
  const auto first = text.find(kSeparator);
  const auto second = first == text.npos ? text.npos : text.find(kSeparator, first + 1);
  if (first != 1 || second == text.npos)
    return {FeatureState::kRefused, "the probe ended without an answer"};
  return {static_cast<FeatureState>(text[0] - '0'), text.substr(first + 1, second - first - 1),
          text.substr(second + 1)};
}

[[noreturn]] void be_the_child(ProbeGround ground, const std::function<Finding()>& probe, int out) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Finding finding;
  if (const int error = ground == ProbeGround::kNamespace ? enter_throwaway_namespaces() : 0)
    finding = {FeatureState::kRefused,
               std::string("no namespace to try it in: ") + std::strerror(error)};
  else
    finding = probe();
  const auto text = encode(finding);
  // The pipe holds 64 KiB and findings are sentences: one write is enough.
  [[maybe_unused]] const auto written = ::write(out, text.data(), text.size());
  ::_exit(0);
}

/// What `fd` gives until its end or `until`; nothing when the time was over first.
std::optional<std::string> read_until(int fd, MonotonicTime until) {
  std::string text;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - MonotonicClock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    if (left <= 0) return std::nullopt;
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    char buffer[1024];
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

Finding finding_from_errno(int error, std::string_view what) {
  static constexpr int kNotInThisKernel[] = {
      ENOSYS, ENOENT, EOPNOTSUPP, ENOPROTOOPT, EPROTONOSUPPORT, EAFNOSUPPORT, ESOCKTNOSUPPORT};
  return {std::ranges::find(kNotInThisKernel, error) != std::end(kNotInThisKernel)
              ? FeatureState::kMissing
              : FeatureState::kRefused,
          std::string(what) + ": " + std::strerror(error)};
}

int enter_throwaway_namespaces() {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) return errno;
    if (!write_file("/proc/self/setgroups", "deny") ||
        !write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") ||
        !write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1"))
      return errno;
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
}

Finding run_probe(ProbeGround ground, const std::function<Finding()>& probe, milliseconds limit) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return finding_from_errno(errno, "pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const auto child = ::fork();
  if (child < 0) return finding_from_errno(errno, "fork");
  if (child == 0) be_the_child(ground, probe, writer.get());
  ::setpgid(child, child);  // also here: the kill below must not come before the child's own call
  writer.reset();
  const auto answer = read_until(reader.get(), MonotonicClock::now() + limit);
  ::kill(-child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!answer) return {FeatureState::kRefused, "no answer within " + duration_text(limit)};
  return decode(*answer);
}

std::optional<std::string> find_program(std::string_view program) {
  // An ordinary user's PATH often lacks the directories in which network programs live.
  const char* path = std::getenv("PATH");
  std::string directories =
      std::string(path ? path : "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
  std::size_t start = 0;
  while (start <= directories.size()) {
    const auto end = std::min(directories.find(':', start), directories.size());
    auto candidate = directories.substr(start, end - start) + "/" + std::string(program);
    if (candidate.front() == '/' && end > start && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
    start = end + 1;
  }
  return std::nullopt;
}

ProgramOutput run_program(const std::vector<std::string>& words) {
  int ends[2];
  if (words.empty() || ::pipe2(ends, O_CLOEXEC) != 0) return {};
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return {-1, std::strerror(error)};
  writer.reset();
  ProgramOutput out;
  char buffer[4096];
  for (ssize_t n; (n = ::read(reader.get(), buffer, sizeof buffer)) > 0;)
    out.text.append(buffer, std::min(static_cast<std::size_t>(n),
                                     sizeof buffer - std::min(sizeof buffer, out.text.size())));
  int status = 0;
  if (::waitpid(child, &status, 0) == child && WIFEXITED(status)) out.status = WEXITSTATUS(status);
  return out;
}

}  // namespace anabranch::kernel
