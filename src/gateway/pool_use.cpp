// SPDX-License-Identifier: MIT
#include "gateway/pool_use.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/registry.hpp"

namespace anabranch::gateway {
namespace {

constexpr seconds kTellAgain{60};
constexpr std::uint64_t kRoomShare = 50;

/// The number in "subnet[3].total-addresses": [[61435, "2026-01-02 03:04:05"], ...], newest first.
std::uint64_t latest(const nlohmann::json& samples) {
  if (!samples.is_array() || samples.empty() || !samples[0].is_array() || samples[0].empty())
    return 0;
  const auto& value = samples[0][0];
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

}  // namespace

PoolUses parse_pool_uses(const nlohmann::json& reply) {
  PoolUses out;
  const auto arguments = reply.find("arguments");
  if (arguments == reply.end() || !arguments->is_object()) return out;
  constexpr std::string_view kBefore = "subnet[";
  for (const auto& [key, samples] : arguments->items()) {
    std::string_view rest = key;
    if (!rest.starts_with(kBefore)) continue;
    rest.remove_prefix(kBefore.size());
    unsigned index = 0;
    const auto number = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    rest.remove_prefix(static_cast<std::size_t>(number.ptr - rest.data()));
    if (number.ec != std::errc() || index == 0 || index > registry::kMaxUplinks) continue;
    if (rest == "].total-addresses") out[index].size = latest(samples);
    if (rest == "].assigned-addresses") out[index].assigned = latest(samples);
    if (rest == "].declined-addresses") out[index].declined = latest(samples);
  }
  return out;
}

std::vector<PoolWatch::Event> PoolWatch::update(const PoolUses& uses, MonotonicTime now) {
  std::vector<Event> out;
  std::erase_if(states_, [&](const auto& state) { return !uses.contains(state.first); });
  for (const auto& [index, use] : uses) {
    const auto [place, fresh] = states_.try_emplace(index);
    State& state = place->second;
    const std::uint64_t room = std::max<std::uint64_t>(1, use.size / kRoomShare);
    if (!state.full && use.full()) {
      if (!fresh && state.told != MonotonicTime{} && now - state.told < kTellAgain) continue;
      state = {true, now};
      out.push_back({index, true, use});
    } else if (state.full && use.assigned + room <= use.size) {
      state.full = false;
      out.push_back({index, false, use});
    }
  }
  return out;
}

bool PoolWatch::any_full() const {
  return std::ranges::any_of(states_, [](const auto& state) { return state.second.full; });
}

}  // namespace anabranch::gateway
