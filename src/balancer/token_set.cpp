// SPDX-License-Identifier: MIT
#include "balancer/token_set.hpp"

#include <bit>
#include <utility>

namespace anabranch::balancer {
namespace {

constexpr std::size_t kLeastSlots = 16;

}  // namespace

std::size_t TokenSet::home(std::uint32_t token) const {
  // The upper octets of the product depend on all of the token (Knuth, section 6.4).
  const auto product = static_cast<std::uint32_t>(token * 0x9e3779b1u);
  return product >> (32 - std::countr_zero(slots_.size()));
}

std::size_t TokenSet::find(std::uint32_t token) const {
  auto slot = home(token);
  while (slots_[slot] != 0 && slots_[slot] != token) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void TokenSet::resize(std::size_t slots) {
  const auto former = std::exchange(slots_, std::vector<std::uint32_t>(slots));
  for (const auto token : former)
    if (token != 0) slots_[find(token)] = token;
}

bool TokenSet::contains(std::uint32_t token) const {
  if (token == 0) return has_zero_;
  return !slots_.empty() && slots_[find(token)] == token;
}

bool TokenSet::insert(std::uint32_t token) {
  if (token == 0) return !std::exchange(has_zero_, true);
  if (slots_.empty() || 4 * (used_ + 1) > 3 * slots_.size())
    resize(slots_.empty() ? kLeastSlots : 2 * slots_.size());
  auto& slot = slots_[find(token)];
  if (slot == token) return false;
  slot = token;
  ++used_;
  return true;
}

bool TokenSet::erase(std::uint32_t token) {
  if (token == 0) return std::exchange(has_zero_, false);
  if (slots_.empty()) return false;
  auto free = find(token);
  if (slots_[free] == 0) return false;
  slots_[free] = 0;
  --used_;
  // Those behind it that would not be found any more across the gap move into it.
  const auto mask = slots_.size() - 1;
  for (auto at = (free + 1) & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const auto wanted = home(slots_[at]);
    if (((at - wanted) & mask) < ((at - free) & mask)) continue;
    slots_[free] = std::exchange(slots_[at], 0);
    free = at;
  }
  if (slots_.size() > kLeastSlots && 8 * used_ < slots_.size()) resize(slots_.size() / 2);
  return true;
}

std::vector<std::uint32_t> TokenSet::values() const {
  std::vector<std::uint32_t> out;
  out.reserve(size());
  if (has_zero_) out.push_back(0);
  for (const auto token : slots_)
    if (token != 0) out.push_back(token);
  return out;
}

}  // namespace anabranch::balancer
