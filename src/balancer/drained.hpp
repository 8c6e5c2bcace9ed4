// SPDX-License-Identifier: MIT
// The servers that somebody has drained with `anabranch balancer drain`: in a file, so that it
// holds over a restart, a crash and a reboot, until it is undone.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "balancer/settings.hpp"
#include "base/result.hpp"

namespace anabranch::balancer {

class Drained {
 public:
  explicit Drained(std::filesystem::path file) : file_(std::move(file)) {}

  /// What an earlier process has left. A file that cannot be read or is no such file is said in the
  /// log and counts as empty: packets must go on.
  void load();
  /// Forgets servers that there are no more; the file, too, with the next change.
  void keep_only(const std::vector<Server>& servers);
  /// Holds once it is on the disk; else nothing has changed.
  Result<void> set(const std::string& server, bool drained);

  const std::set<std::string>& names() const { return names_; }

 private:
  std::filesystem::path file_;
  std::set<std::string> names_;
};

}  // namespace anabranch::balancer
