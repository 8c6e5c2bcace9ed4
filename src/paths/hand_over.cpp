// SPDX-License-Identifier: MIT
#include "paths/hand_over.hpp"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "kernel/sysctl.hpp"
#include "paths/adoption.hpp"
#include "paths/first_route.hpp"
#include "paths/kernel_fallback.hpp"

namespace anabranch::paths {
namespace {

/// The name since Linux 6.15, and the older one.
constexpr std::pair<const char*, const char*> kPathManager{"net/mptcp/path_manager", "userspace"};
constexpr std::pair<const char*, const char*> kPathManagerType{"net/mptcp/pm_type", "1"};

std::filesystem::path saved_path() {
  return runtime_directory() / "paths.sysctls";
}

kernel::SavedSysctls saved() {
  return kernel::SavedSysctls(saved_path());
}

/// Keeps the first error and goes on: giving back half is better than nothing.
void keep(std::optional<Error>& first, Result<void> done) {
  if (!done && !first) first = std::move(done).error();
}

Result<void> as_result(std::optional<Error> first) {
  if (first) return std::unexpected(*std::move(first));
  return {};
}

}  // namespace

Result<void> take_over() {
  ANABRANCH_TRY(make_directory(runtime_directory()));
  const bool newer = kernel::read_sysctl(kPathManager.first).has_value();
  const auto& [key, value] = newer ? kPathManager : kPathManagerType;
  const auto before = kernel::read_sysctl(key);
  if (!before)
    return fail("this kernel has no path manager in user space", key,
                "Linux 5.19 or later with CONFIG_MPTCP is needed; see 'anabranch doctor'",
                ExitCode::kNotPermitted);
  // Unless it was an earlier run that could not hand back.
  if (*before == value && !std::filesystem::exists(saved_path()))
    log::info("the path manager was in user space already; if another one runs, stop it");
  return saved().set(key, value);
}

Result<void> hand_back() {
  std::optional<Error> first;
  keep(first, saved().restore());
  keep(first, FirstRoute::withdraw());
  return as_result(std::move(first));
}

Result<void> clean_up() {
  std::optional<Error> first;
  keep(first, saved().restore());
  keep(first, FirstRoute::remove());
  keep(first, KernelFallback::remove());
  std::error_code ignored;
  std::filesystem::remove(adoption_path(), ignored);
  return as_result(std::move(first));
}

}  // namespace anabranch::paths
