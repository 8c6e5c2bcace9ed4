// SPDX-License-Identifier: MIT
// A cgroup of the test's own: what is attached to it concerns the test's sockets only.
#pragma once

#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup.hpp"
#include "support/private_network.hpp"

namespace anabranch::test {

/// The calling process is in it as long as it lives.
class TestCgroup {
 public:
  /// Nothing when this user or machine has no cgroups of version 2 to write to.
  static std::optional<TestCgroup> enter() {
    const auto root = kernel::cgroup_root();
    const auto before = own_cgroup();
    if (!root || !before) return std::nullopt;
    const std::string path = *root + "/anabranch-test-" + std::to_string(::getpid());
    if (::mkdir(path.c_str(), 0755) != 0) return std::nullopt;
    TestCgroup out(path, *root + *before);
    if (!write_text((path + "/cgroup.procs").c_str(), "0")) return std::nullopt;
    return out;
  }
  TestCgroup(TestCgroup&& other) noexcept
      : path_(std::exchange(other.path_, {})), before_(std::move(other.before_)) {}
  ~TestCgroup() {
    if (path_.empty()) return;
    write_text((before_ + "/cgroup.procs").c_str(), "0");
    ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  TestCgroup(std::string path, std::string before)
      : path_(std::move(path)), before_(std::move(before)) {}
  static std::optional<std::string> own_cgroup() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("0::")) return line.substr(3);
    return std::nullopt;
  }
  std::string path_;
  std::string before_;
};

}  // namespace anabranch::test
