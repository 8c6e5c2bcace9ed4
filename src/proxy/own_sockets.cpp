// SPDX-License-Identifier: MIT
#include "proxy/own_sockets.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "kernel/cgroup.hpp"

namespace anabranch::proxy {
namespace {

/// nft has this path built in.
constexpr std::string_view kNftRoot = "/sys/fs/cgroup";

}  // namespace

std::string own_socket_rules(const SingleSettings& settings, std::string_view mount,
                             std::string_view judge) {
  if (settings.users.empty() && settings.cgroups.empty())
    return fmt::format("    goto {}\n", judge);
  std::string out;
  for (const auto& [first, last] : settings.users)
    out += first == last ? fmt::format("    meta skuid {} goto {}\n", first, judge)
                         : fmt::format("    meta skuid {}-{} goto {}\n", first, last, judge);
  // The level counts from the root that this process sees.
  for (const auto& path : settings.cgroups)
    out += fmt::format("    socket cgroupv2 level {} \"{}{}\" goto {}\n",
                       std::ranges::count(path, '/'), mount, path.substr(1), judge);
  return out;
}

Result<std::string> cgroup_mount(const SingleSettings& settings) {
  if (settings.cgroups.empty()) return std::string();
  const auto root = kernel::cgroup_root();
  if (!root) return std::unexpected(root.error());
  for (const auto& path : settings.cgroups) {
    std::error_code error;
    if (!std::filesystem::is_directory(*root + path, error))
      return fail("there is no cgroup " + path, *root + path,
                  "it must be there before its connections can be taken", ExitCode::kBadInput);
  }
  if (!root->starts_with(kNftRoot))
    return fail("nft finds no cgroups in " + *root, {},
                "mount -t cgroup2 none " + std::string(kNftRoot), ExitCode::kNotPermitted);
  auto below = root->substr(kNftRoot.size());
  if (below.empty()) return below;
  return below.substr(1) + "/";
}

}  // namespace anabranch::proxy
