// SPDX-License-Identifier: MIT
#include "gateway/kea_view.hpp"

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

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

std::string name_of(const UniqueFd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

/// Shows the entries of a hidden directory again in the empty one that took its place: the lease
/// database's socket may be there (/run/postgresql), or what libraries read (/etc). An entry that
/// cannot be shown is one that Kea does without.
void show_again(const UniqueFd& hidden, const std::filesystem::path& parent) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (fs::directory_iterator entry(name_of(hidden), error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code skipped;
    const auto target = parent / entry->path().filename();
    const auto type = entry->symlink_status(skipped).type();
    if (type == fs::file_type::symlink) {
      fs::copy_symlink(entry->path(), target, skipped);
      continue;
    }
    if (type == fs::file_type::directory)
      ::mkdir(target.c_str(), 0755);
    else
      UniqueFd(::open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    // With what is mounted below: user namespaces may not part the two.
    ::mount(entry->path().c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr);
  }
}

/// A machine that has never run the packaged service lacks the directory, and an ordinary user
/// cannot make it: in this view only, a file system of ours takes its parent's place.
Result<void> make_mount_point(const std::filesystem::path& target) {
  struct stat status {};
  if (::stat(target.c_str(), &status) == 0) return {};
  const auto parent = target.parent_path();
  const UniqueFd hidden(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!hidden) return fail_errno("cannot open " + parent.string());
  if (::mount("tmpfs", parent.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
    return fail_errno("cannot make room for Kea in " + parent.string());
  show_again(hidden, parent);
  if (::mkdir(target.c_str(), 0755) != 0)
    return fail_errno("cannot make " + target.string() + " for Kea");
  return {};
}

bool same_directory(const std::filesystem::path& one, const std::filesystem::path& other) {
  struct stat a {};
  struct stat b {};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

}  // namespace

Result<void> enter_kea_view(const KeaView& view) {
  // Our systemd unit has the whole gateway see it so, which saves the gateway CAP_SYS_ADMIN.
  if (same_directory(view.configuration, "/etc/kea") && same_directory(view.runtime, "/run/kea") &&
      same_directory(view.leases, "/var/lib/kea"))
    return {};
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
    if (::mount(name_of(place.fd).c_str(), place.target.c_str(), nullptr, MS_BIND, nullptr) != 0)
      return fail_errno("cannot show Kea " + place.source.string() + " as " +
                        place.target.string());
  }
  return {};
}

}  // namespace anabranch::gateway
