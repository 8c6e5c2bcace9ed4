// SPDX-License-Identifier: MIT
// A cgroup for one lab. What a BPF program attached to a cgroup does holds for the sockets of all
// its processes, and the root of cgroup2 is the whole machine's, also inside a sandbox: so a role
// of the lab may set such limits only in a cgroup that has nobody but the lab in it.
#pragma once

#include <string>

namespace anabranch::lab {

class LabCgroup {
 public:
  /// Below the caller's own one. Only root can; for anybody else, and where no cgroup2 is mounted
  /// to be written to, there is none and enter() does nothing.
  static LabCgroup make();
  LabCgroup(LabCgroup&&) noexcept;
  LabCgroup& operator=(LabCgroup&&) = delete;
  /// Removes it; nobody may be left in it.
  ~LabCgroup();

  /// The calling process, and all that it will start, is in it from now on.
  void enter() const;

 private:
  explicit LabCgroup(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// The one that the calling process is in, below the mount of cgroup2: "/anabranch-lab-1234". Empty
/// when it is in none.
std::string lab_cgroup();

}  // namespace anabranch::lab
