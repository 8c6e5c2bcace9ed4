// SPDX-License-Identifier: MIT
// host.toml: refused with a place, or values within their bounds.
#include "base/registry.hpp"
#include "host/settings.hpp"
#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto settings = host::parse_settings(fuzz::text_of(data, size), "host.toml");
  if (!settings) {
    fuzz::require(settings.error().code == ExitCode::kBadInput, "a wrong file is bad input");
    fuzz::require(settings.error().text().find("host.toml:") != std::string::npos,
                  "the place is named");
    return 0;
  }
  fuzz::require(settings->max_paths >= 1 && settings->max_paths <= registry::kMaxHostPaths,
                "max_paths has bounds");
  fuzz::require(settings->ext_route_code >= registry::kFirstSiteOption &&
                    settings->ext_route_code <= registry::kLastSiteOption,
                "ext_route_code has bounds");
  return 0;
}
