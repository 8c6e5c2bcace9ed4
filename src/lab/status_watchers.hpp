// SPDX-License-Identifier: MIT
// Who looks at running roles: watchers that ask, that stay, that come and go, and that never read.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "status/client.hpp"

namespace anabranch::lab {

class StatusWatchers {
 public:
  /// Of the gateway and the host role in node `host`.
  explicit StatusWatchers(std::string_view host);

  /// With each role: a question; a subscriber that leaves after one state; one that stays and reads
  /// what has come since the last round; one that stays and reads nothing until the next round puts
  /// another in its place. Fails when a role does not answer.
  Result<void> round();

 private:
  struct Watched {
    std::filesystem::path socket;
    std::optional<status::Subscription> reader = std::nullopt;
    std::optional<status::Subscription> deaf = std::nullopt;
  };
  static Result<void> round_with(Watched& watched);

  std::vector<Watched> watched_;
};

}  // namespace anabranch::lab
