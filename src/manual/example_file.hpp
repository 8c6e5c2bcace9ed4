// SPDX-License-Identifier: MIT
// The annotated example of a role's configuration file. What the role needs stands there with
// example values; everything else is commented out as "#key = value", without a space, so that it
// differs from explanations. With the "#" of all of them taken away the file is still a good one.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/config.hpp"

namespace anabranch::manual {

std::string example_file(std::string_view role, std::string_view introduction,
                         std::span<const config::Setting> settings);

}  // namespace anabranch::manual
