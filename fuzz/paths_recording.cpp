// SPDX-License-Identifier: MIT
// A recording from a stranger: refused with the line, or replayed; what was read is written back
// as the same input.
#include <sstream>

#include <nlohmann/json.hpp>

#include "input.hpp"
#include "paths/codec.hpp"
#include "paths/recording.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream in{std::string(fuzz::text_of(data, size))};
  std::uint64_t decided = 0;
  const auto result =
      paths::replay(in, "recording", [&](const paths::Settings& settings) -> paths::Decide {
        fuzz::require(settings.subflows >= 1 && settings.subflows <= 8, "subflows has bounds");
        return [&decided](const paths::Input& input, MonotonicTime now) {
          ++decided;
          fuzz::require(now >= MonotonicTime{}, "no time lies before the clock's start");
          const auto encoded = paths::encode(input);
          const auto again = paths::decode_input(encoded);
          fuzz::require(again && paths::encode(*again) == encoded, "an input comes back");
          return std::vector<paths::Action>{};
        };
      });
  if (!result) {
    fuzz::require(result.error().code == ExitCode::kBadInput, "a wrong recording is bad input");
    fuzz::require(result.error().where.starts_with("recording:"), "the line is named");
    return 0;
  }
  fuzz::require(result->inputs == decided, "every input is decided once");
  return 0;
}
