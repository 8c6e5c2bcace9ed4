// SPDX-License-Identifier: MIT
#include "paths/address_ids.hpp"

#include <algorithm>

namespace anabranch::paths {

std::uint8_t AddressIds::take(std::uint8_t id) {
  used_.set(id);
  highest_ = std::max(highest_, id);
  std::erase_if(resting_, [&](const Resting& resting) { return resting.id == id; });
  return id;
}

std::uint8_t AddressIds::fresh(MonotonicTime now) {
  const bool rested = !resting_.empty() && now - resting_.front().since >= kRest;
  if (highest_ < 255 && !rested) return take(static_cast<std::uint8_t>(highest_ + 1));
  if (!resting_.empty()) return take(resting_.front().id);
  // The kernel may have given high ids and left gaps below them.
  for (unsigned id = 1; id <= 255; ++id)
    if (!used_.test(id)) return take(static_cast<std::uint8_t>(id));
  return 0;
}

std::uint8_t AddressIds::of(const IpAddress& address, MonotonicTime now) {
  if (const auto id = known(address)) return *id;
  const std::uint8_t id = fresh(now);
  if (id != 0) by_address_[address] = id;
  return id;
}

std::optional<std::uint8_t> AddressIds::known(const IpAddress& address) const {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return std::nullopt;
  return found->second;
}

void AddressIds::use(std::uint8_t id, const IpAddress& address) {
  if (id == 0) return;
  take(id);
  by_address_.try_emplace(address, id);
}

void AddressIds::release(std::uint8_t id, MonotonicTime now) {
  if (id == 0 || !used_.test(id)) return;
  used_.reset(id);
  resting_.push_back({id, now});
  std::erase_if(by_address_, [&](const auto& entry) { return entry.second == id; });
}

}  // namespace anabranch::paths
