// SPDX-License-Identifier: MIT
#include "paths/unanswered_joins.hpp"

#include <utility>

namespace anabranch::paths {

Result<void> UnansweredJoins::end(Token token, const IpAddress& local, const Endpoint& remote,
                                  MonotonicTime now) {
  if (looked_ == MonotonicTime{} || now - looked_ > kFresh) {
    auto found = diag_.connecting();
    if (!found) return std::unexpected(found.error());
    seen_ = std::move(*found);
    looked_ = now;
  }
  for (const auto& one : seen_)
    if (one.token == token && one.local.address == local && one.remote == remote)
      ANABRANCH_TRY(diag_.destroy({one.local, one.remote, one.ifindex}));
  return {};
}

}  // namespace anabranch::paths
