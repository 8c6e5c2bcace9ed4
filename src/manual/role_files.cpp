// SPDX-License-Identifier: MIT
#include "manual/role_files.hpp"

#include <array>

#include "balancer/settings.hpp"
#include "gateway/settings.hpp"
#include "host/settings.hpp"
#include "paths/settings.hpp"
#include "proxy/converter_settings.hpp"
#include "proxy/cpe_settings.hpp"

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
               .settings = paths::setting_definitions()},
      RoleFile{.role = "cpe",
               .introduction = "A home gateway with a converter in its operator's network.",
               .settings = proxy::cpe_setting_definitions()},
      RoleFile{.role = "converter",
               .introduction = "A Transport Converter for the clients of one network.",
               .settings = proxy::converter_setting_definitions()},
      RoleFile{.role = "balancer",
               .introduction = "A balancer with two servers on its own network.",
               .settings = balancer::balancer_setting_definitions()}};
  return kFiles;
}

}  // namespace anabranch::manual
