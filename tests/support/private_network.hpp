// SPDX-License-Identifier: MIT
// Puts a test into a network namespace of its own, as root or as an ordinary user.
#pragma once

#include <string>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace anabranch::test {

inline bool write_text(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool ok =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) ::close(fd);
  return ok;
}

/// False when this machine allows neither; the test should GTEST_SKIP().
inline bool enter_private_network() {
  if (::geteuid() == 0 && ::unshare(CLONE_NEWNET) == 0) return true;
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  return write_text("/proc/self/setgroups", "deny") &&
         write_text("/proc/self/uid_map", "0 " + uid + " 1") &&
         write_text("/proc/self/gid_map", "0 " + gid + " 1");
}

}  // namespace anabranch::test
