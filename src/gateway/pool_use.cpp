// SPDX-License-Identifier: MIT
#include "gateway/pool_use.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/registry.hpp"

namespace anabranch::gateway {
namespace {

constexpr seconds kTellAgain{60};
constexpr std::uint64_t kRoomShare = 50;

/// The number in "subnet[3].total-addresses": [[61435, "2026-01-02 03:04:05"], ...], newest first.
/// Kea 2.2 counts in 64 bits and takes the first for the sign; later ones write longer numbers.
std::uint64_t latest(const nlohmann::json& samples) {
  if (!samples.is_array() || samples.empty() || !samples[0].is_array() || samples[0].empty())
    return 0;
  const auto& value = samples[0][0];
  if (value.is_number_integer()) return static_cast<std::uint64_t>(value.get<std::int64_t>());
  return value.is_number_float() ? std::numeric_limits<std::uint64_t>::max() : 0;
}

/// Tells `take` each figure of a path: index, name, value.
template <class Take>
void each_figure(const nlohmann::json& reply, const Take& take) {
  const auto arguments = reply.find("arguments");
  if (arguments == reply.end() || !arguments->is_object()) return;
  constexpr std::string_view kBefore = "subnet[";
  for (const auto& [key, samples] : arguments->items()) {
    std::string_view rest = key;
    if (!rest.starts_with(kBefore)) continue;
    rest.remove_prefix(kBefore.size());
    unsigned index = 0;
    const auto number = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    rest.remove_prefix(static_cast<std::size_t>(number.ptr - rest.data()));
    if (number.ec != std::errc() || index == 0 || index > registry::kMaxUplinks) continue;
    if (!rest.starts_with("].")) continue;
    take(index, rest.substr(2), latest(samples));
  }
}

}  // namespace

PoolUses parse_pool_uses(const nlohmann::json& reply) {
  PoolUses out;
  each_figure(reply, [&](unsigned index, std::string_view what, std::uint64_t value) {
    if (what == "total-addresses" || what == "total-nas") out[index].size = value;
    if (what == "assigned-addresses" || what == "assigned-nas") out[index].assigned = value;
    if (what == "declined-addresses") out[index].declined = value;
  });
  return out;
}

PoolUses parse_prefix_uses(const nlohmann::json& reply) {
  PoolUses out;
  each_figure(reply, [&](unsigned index, std::string_view what, std::uint64_t value) {
    if (what == "total-pds") out[index].size = value;
    if (what == "assigned-pds") out[index].assigned = value;
  });
  // Kea counts for every path.
  std::erase_if(out, [](const auto& use) { return use.second.size == 0; });
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
