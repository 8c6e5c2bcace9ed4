// SPDX-License-Identifier: MIT
// paths.toml: refused with a place, or values within their bounds that survive a recording.
#include <nlohmann/json.hpp>

#include "input.hpp"
#include "paths/codec.hpp"
#include "paths/settings.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto settings = paths::parse_settings(fuzz::text_of(data, size), "paths.toml");
  if (!settings) {
    fuzz::require(settings.error().code == ExitCode::kBadInput, "a wrong file is bad input");
    fuzz::require(settings.error().text().find("paths.toml:") != std::string::npos,
                  "the place is named");
    return 0;
  }
  fuzz::require(settings->subflows >= 1 && settings->subflows <= 8, "subflows has bounds");
  fuzz::require(settings->probe_interval > nanoseconds(0) &&
                    settings->probe_interval_limit >= settings->probe_interval,
                "an interval grows");
  for (const auto& rule : settings->rules)
    fuzz::require(!rule.name.empty() && rule.subflows.value_or(0) <= 8, "a rule has bounds");
  const auto encoded = paths::encode(*settings);
  const auto again = paths::decode_settings(encoded);
  fuzz::require(again && paths::encode(*again) == encoded, "a recording keeps the settings");
  return 0;
}
