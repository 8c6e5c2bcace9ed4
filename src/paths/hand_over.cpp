// SPDX-License-Identifier: MIT
#include "paths/hand_over.hpp"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "kernel/mptcp_commands.hpp"
#include "kernel/sysctl.hpp"
#include "paths/adoption.hpp"
#include "paths/first_route.hpp"
#include "paths/kernel_fallback.hpp"

namespace anabranch::paths {
namespace {

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
  constexpr auto kOurs = kernel::PathManagerType::kUserspace;
  const auto sysctl = kernel::path_manager_sysctl(kOurs);
  if (!sysctl) return std::unexpected(sysctl.error());
  const auto before = kernel::path_manager_type();
  if (!before) return std::unexpected(before.error());
  // Unless it was an earlier run that could not hand back.
  if (*before == kOurs && !std::filesystem::exists(saved_path()))
    log::info("the path manager was in user space already; if another one runs, stop it");
  return saved().set(sysctl->key, sysctl->value);
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
