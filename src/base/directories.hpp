// SPDX-License-Identifier: MIT
// Where roles keep their files. systemd's RUNTIME_DIRECTORY and STATE_DIRECTORY win over the
// defaults.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace anabranch {

/// Sockets and other things that a reboot may forget: $RUNTIME_DIRECTORY or /run/anabranch.
std::filesystem::path runtime_directory();
/// Leases and identifiers that must outlive a reboot: $STATE_DIRECTORY or /var/lib/anabranch.
std::filesystem::path state_directory();

/// Creates `path` and its parents with mode 0755.
Result<void> make_directory(const std::filesystem::path& path);
Result<std::string> read_file(const std::filesystem::path& path);
/// Replaces the file in one step (write, fsync, rename): a crash leaves the old or the new content.
/// `mode` as for open(2): 0600 for a secret.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content,
                          unsigned mode = 0644);

}  // namespace anabranch
