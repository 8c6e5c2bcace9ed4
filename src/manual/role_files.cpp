// SPDX-License-Identifier: MIT
#include "manual/role_files.hpp"

#include <array>

#include "gateway/settings.hpp"
#include "host/settings.hpp"
#include "paths/settings.hpp"

namespace anabranch::manual {

std::span<const RoleFile> role_files() {
  static const std::array kFiles{
      RoleFile{.role = "gateway",
               .introduction = "A gateway with two providers.",
               .settings = gateway::setting_definitions()},
      RoleFile{.role = "host",
               .introduction = "Configuration of anabranch host. Every setting may be left out.",
               .settings = host::setting_definitions()},
      RoleFile{.role = "paths",
               .introduction = "Configuration of anabranch paths. Every setting may be left out.",
               .settings = paths::setting_definitions()}};
  return kFiles;
}

}  // namespace anabranch::manual
