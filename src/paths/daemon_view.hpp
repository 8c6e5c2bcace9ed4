// SPDX-License-Identifier: MIT
// What a running path manager says on its status socket, as far as `paths explain` judges by it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "paths/explain_facts.hpp"

namespace anabranch::paths {

struct DaemonView {
  std::vector<Subject> connections;
  std::map<IpAddress, DaemonPath> paths;
  std::string settings_file;  ///< it reads; empty: there was none
};

/// The answer to "show". What is missing or of another kind is taken as not told; only a text that
/// is no JSON is an error.
Result<DaemonView> parse_daemon_view(std::string_view json);

}  // namespace anabranch::paths
