// SPDX-License-Identifier: MIT
// The configuration files there are: a page of section 5 and an example is made for each.
#pragma once

#include <span>
#include <string_view>

#include "base/config.hpp"

namespace anabranch::manual {

struct RoleFile {
  std::string_view role;          ///< the object of the command line; the file is ROLE.toml
  std::string_view introduction;  ///< of the example, whole sentences
  std::span<const config::Setting> settings;
};

std::span<const RoleFile> role_files();

}  // namespace anabranch::manual
