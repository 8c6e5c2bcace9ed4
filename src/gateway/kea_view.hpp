// SPDX-License-Identifier: MIT
// The private view of the file system that our Kea runs in. The AppArmor profile that comes with
// Kea lets it write to fixed places only, which another Kea on the machine may be using; so ours
// finds our directories mounted there, in a mount namespace that nobody else sees.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace anabranch::gateway {

struct KeaView {
  std::filesystem::path configuration;  ///< seen as /etc/kea
  std::filesystem::path runtime;        ///< seen as /run/kea
  std::filesystem::path leases;         ///< seen as /var/lib/kea
};

/// For a child between fork and exec. Needs CAP_SYS_ADMIN, in a user namespace of one's own at
/// least.
Result<void> enter_kea_view(const KeaView& view);

}  // namespace anabranch::gateway
