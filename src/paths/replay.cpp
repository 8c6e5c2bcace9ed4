// SPDX-License-Identifier: MIT
#include <cerrno>
#include <fstream>

#include "paths/decider.hpp"
#include "paths/recording.hpp"

namespace anabranch::paths {

Result<Replay> replay(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    auto error = fail_errno("cannot be read", file.string());
    error.error().code = ExitCode::kBadInput;
    return error;
  }
  return replay(in, file.string(), [](Settings settings) -> Decide {
    auto decider = std::make_shared<Decider>(std::move(settings));
    return [decider](const Input& input, MonotonicTime now) { return decider->handle(input, now); };
  });
}

}  // namespace anabranch::paths
