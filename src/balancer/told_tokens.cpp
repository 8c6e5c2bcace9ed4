// SPDX-License-Identifier: MIT
#include "balancer/told_tokens.hpp"

#include <utility>

namespace anabranch::balancer {

ToldTokens::News ToldTokens::take(const wire::ControlTokens& message, std::size_t room) {
  News out;
  if (message.begins) {
    const auto rest = std::exchange(former_, std::exchange(known_, {}));
    for (const auto token : rest.values()) former_.insert(token);
  }
  for (const auto token : message.learned) {
    if (known_.contains(token)) continue;
    const bool is_new = !former_.erase(token);
    if (is_new && size() >= room) {
      ++out.refused;
      continue;
    }
    known_.insert(token);
    if (is_new) out.learned.push_back(token);
  }
  for (const auto token : message.gone)
    if (known_.erase(token) || former_.erase(token)) out.gone.push_back(token);
  if (message.ends) {
    const auto lost = std::exchange(former_, {}).values();
    out.gone.insert(out.gone.end(), lost.begin(), lost.end());
  }
  return out;
}

}  // namespace anabranch::balancer
