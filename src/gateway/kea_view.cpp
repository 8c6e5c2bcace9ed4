// SPDX-License-Identifier: MIT
#include "gateway/kea_view.hpp"

#include <array>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fd.hpp"

namespace anabranch::gateway {
namespace {

struct Place {
  const std::filesystem::path& source;
  std::filesystem::path target;
  UniqueFd fd = {};
};

/// A machine that has never run the packaged service lacks the directory, and an ordinary user
/// cannot make it: an empty file system takes its parent's place, in this view only.
Result<void> make_mount_point(const std::filesystem::path& target) {
  struct stat status {};
  if (::stat(target.c_str(), &status) == 0) return {};
  const auto parent = target.parent_path();
  if (::mount("tmpfs", parent.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
    return fail_errno("cannot make room for Kea in " + parent.string());
  if (::mkdir(target.c_str(), 0755) != 0)
    return fail_errno("cannot make " + target.string() + " for Kea");
  return {};
}

}  // namespace

Result<void> enter_kea_view(const KeaView& view) {
  if (::unshare(CLONE_NEWNS) != 0)
    return fail_errno("cannot give Kea a mount namespace of its own");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make Kea's mounts private");
  std::array<Place, 3> places{{{view.configuration, "/etc/kea"},
                               {view.runtime, "/run/kea"},
                               {view.leases, "/var/lib/kea"}}};
  // Ours may lie below a directory that is about to be hidden, so that they are held first.
  for (auto& place : places) {
    place.fd.reset(::open(place.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!place.fd) return fail_errno("cannot open " + place.source.string());
  }
  for (const auto& place : places) {
    if (const auto done = make_mount_point(place.target); !done) return done;
    const std::string source = "/proc/self/fd/" + std::to_string(place.fd.get());
    if (::mount(source.c_str(), place.target.c_str(), nullptr, MS_BIND, nullptr) != 0)
      return fail_errno("cannot show Kea " + place.source.string() + " as " +
                        place.target.string());
  }
  return {};
}

}  // namespace anabranch::gateway
