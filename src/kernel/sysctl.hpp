// SPDX-License-Identifier: MIT
// Kernel settings below /proc/sys, and those a role changes and must put back.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace anabranch::kernel {

/// `key` has slashes, as "net/ipv4/conf/eth0.5/rp_filter": interface names may contain dots.
Result<std::string> read_sysctl(std::string_view key);
Result<void> write_sysctl(std::string_view key, std::string_view value);

/// Settings we changed, with the values they had, kept in a file so that a later process can put
/// them back. The first value seen wins: a restart in between does not forget the original.
class SavedSysctls {
 public:
  /// Loads what an earlier process left in `file` (absent is fine).
  explicit SavedSysctls(std::filesystem::path file);

  /// Sets `key`, remembering its old value on disk first. A no-op when it has the value already.
  Result<void> set(const std::string& key, std::string_view value);
  /// Puts every setting back whose interface still exists, and removes the file.
  Result<void> restore();
  /// Puts back those that are no longer `wanted`, so that a changed configuration leaves nothing
  /// behind.
  Result<void> restore_others(const std::set<std::string>& wanted);

 private:
  Result<void> save() const;
  std::filesystem::path file_;
  std::map<std::string, std::string> originals_;
};

}  // namespace anabranch::kernel
