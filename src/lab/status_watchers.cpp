// SPDX-License-Identifier: MIT
#include "lab/status_watchers.hpp"

#include "lab/network.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {

using status::Subscription;

StatusWatchers::StatusWatchers(std::string_view host) {
  watched_.push_back({status_socket("gateway", "gateway")});
  watched_.push_back({status_socket(host, "host-" + std::string(kHostInterface))});
}

Result<void> StatusWatchers::round() {
  for (auto& watched : watched_) ANABRANCH_TRY(round_with(watched));
  return {};
}

Result<void> StatusWatchers::round_with(Watched& watched) {
  if (const auto answer = status::ask(watched.socket, "show"); !answer)
    return std::unexpected(answer.error());
  auto passing = Subscription::open(watched.socket);
  if (!passing) return std::unexpected(passing.error());
  if (const auto state = passing->next(seconds(5)); !state) return std::unexpected(state.error());
  if (watched.reader)
    while (watched.reader->next({})) {
    }
  else if (auto opened = Subscription::open(watched.socket); opened)
    watched.reader = *std::move(opened);
  else
    return std::unexpected(opened.error());
  auto deaf = Subscription::open(watched.socket);
  if (!deaf) return std::unexpected(deaf.error());
  watched.deaf = *std::move(deaf);
  return {};
}

}  // namespace anabranch::lab
