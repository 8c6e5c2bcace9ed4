// SPDX-License-Identifier: MIT
#include "kernel/cgroup.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <mntent.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace anabranch::kernel {
namespace {

/// FILEID_KERNFS: the id is the whole handle.
constexpr int kKernfsHandle = 0xfe;

/// Not what another file system was mounted over.
bool is_cgroup2(const char* folder) {
  struct statfs found {};
  return ::statfs(folder, &found) == 0 && found.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

Result<std::string> cgroup_root() {
  const std::unique_ptr<FILE, int (*)(FILE*)> mounts(::setmntent("/proc/self/mounts", "re"),
                                                     ::endmntent);
  if (!mounts) return fail_errno("cannot read the mounts");
  while (const mntent* entry = ::getmntent(mounts.get()))
    if (std::string_view(entry->mnt_type) == "cgroup2" && is_cgroup2(entry->mnt_dir))
      return std::string(entry->mnt_dir);
  return fail("no cgroup2 file system is mounted", {},
              "mount -t cgroup2 none /sys/fs/cgroup/unified", ExitCode::kNotPermitted);
}

std::string cgroup_path(std::uint64_t id) {
  if (id == 0) return {};
  const auto root = cgroup_root();
  if (!root) return {};
  const UniqueFd mount(::open(root->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!mount) return {};
  alignas(::file_handle) std::array<std::uint8_t, sizeof(::file_handle) + sizeof id> room{};
  auto* handle = reinterpret_cast<::file_handle*>(room.data());
  handle->handle_bytes = sizeof id;
  handle->handle_type = kKernfsHandle;
  std::memcpy(room.data() + sizeof(::file_handle), &id, sizeof id);
  const UniqueFd group(::open_by_handle_at(mount.get(), handle, O_PATH | O_CLOEXEC));
  if (!group) return {};
  std::array<char, 4096> path{};
  const auto length =
      ::readlink(fmt::format("/proc/self/fd/{}", group.get()).c_str(), path.data(), path.size());
  if (length <= 0) return {};
  const std::string full(path.data(), static_cast<std::size_t>(length));
  if (!full.starts_with(*root)) return {};
  return full.size() == root->size() ? "/" : full.substr(root->size());
}

}  // namespace anabranch::kernel
