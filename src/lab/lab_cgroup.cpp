// SPDX-License-Identifier: MIT
#include "lab/lab_cgroup.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup.hpp"

namespace anabranch::lab {
namespace {

constexpr std::string_view kPrefix = "anabranch-lab-";

/// "/user.slice", "/": of the calling process, below the mount. Empty when there is no cgroup2.
std::string own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return line.substr(3);
  return {};
}

/// Of labs that were killed before they could remove theirs.
void remove_left_over(const std::string& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const auto maker = static_cast<pid_t>(std::atoi(name.c_str() + kPrefix.size()));
    if (maker > 0 && ::kill(maker, 0) != 0 && errno == ESRCH) ::rmdir(entry.path().c_str());
  }
}

}  // namespace

LabCgroup LabCgroup::make() {
  const auto root = kernel::cgroup_root();
  const auto own = own_cgroup();
  if (::geteuid() != 0 || !root || own.empty()) return LabCgroup({});
  const auto parent = own == "/" ? *root : *root + own;
  remove_left_over(parent);
  auto path = parent + "/" + std::string(kPrefix) + std::to_string(::getpid());
  if (::mkdir(path.c_str(), 0755) != 0) return LabCgroup({});
  return LabCgroup(std::move(path));
}

LabCgroup::LabCgroup(LabCgroup&& other) noexcept : path_(std::exchange(other.path_, {})) {}

LabCgroup::~LabCgroup() {
  if (!path_.empty()) ::rmdir(path_.c_str());
}

void LabCgroup::enter() const {
  if (path_.empty()) return;
  std::ofstream(path_ + "/cgroup.procs") << "0";
}

std::string lab_cgroup() {
  const auto own = own_cgroup();
  const auto name = own.substr(own.rfind('/') + 1);
  return name.starts_with(kPrefix) ? own : std::string();
}

}  // namespace anabranch::lab
