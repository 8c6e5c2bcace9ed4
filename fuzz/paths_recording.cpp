// SPDX-License-Identifier: MIT
// A recording from a stranger: refused with the line, or replayed by a Decider that holds what it
// promises; what was read is written back as the same input.
#include <memory>
#include <sstream>

#include "paths/recording.hpp"
#include "watched_decider.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream in{std::string(fuzz::text_of(data, size))};
  std::uint64_t decided = 0;
  std::shared_ptr<fuzz::WatchedDecider> decider;
  MonotonicTime last;
  const auto result =
      paths::replay(in, "recording", [&](const paths::Settings& settings) -> paths::Decide {
        fuzz::require(settings.subflows >= 1 && settings.subflows <= 8, "subflows has bounds");
        decider = std::make_shared<fuzz::WatchedDecider>(settings);
        return [&, decider](const paths::Input& input, MonotonicTime now) {
          ++decided;
          fuzz::require(now >= MonotonicTime{}, "no time lies before the clock's start");
          decider->take(input, now);
          last = now;
          // What it decides is not what a stranger wrote down: the next lines are read all the
          // same.
          return std::vector<paths::Action>{};
        };
      });
  if (decider) decider->look(last);
  if (!result) {
    fuzz::require(result.error().code == ExitCode::kBadInput, "a wrong recording is bad input");
    fuzz::require(result.error().where.starts_with("recording:"), "the line is named");
    return 0;
  }
  fuzz::require(result->inputs == decided, "every input is decided once");
  return 0;
}
