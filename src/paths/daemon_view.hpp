// SPDX-License-Identifier: MIT
// What a running path manager says on its status socket, as far as `paths explain` judges by it.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "paths/explain_facts.hpp"

namespace anabranch::paths {

struct DaemonView {
  std::vector<Subject> connections;
  std::map<IpAddress, DaemonPath> paths;
};

/// The answer to "show". What is missing or of another kind is taken as not told; only a text that
/// is no JSON is an error.
Result<DaemonView> parse_daemon_view(std::string_view json);

/// "10.1.0.2:4321", "[2001:db8::1]:443"; a bare address has port 0.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace anabranch::paths
