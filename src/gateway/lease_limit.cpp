// SPDX-License-Identifier: MIT
#include "gateway/lease_limit.hpp"

#include <algorithm>
#include <utility>

namespace anabranch::gateway {
namespace {

constexpr seconds kSweep{60};
constexpr seconds kSoonest{5};
constexpr seconds kLatest{60};

}  // namespace

void LeaseLimit::set_most(unsigned most) {
  if (std::exchange(most_, most) == most) return;
  held_back_.clear();
  holders_.clear();
}

bool LeaseLimit::note(const MacAddress& mac, const IpAddress& address, seconds lifetime,
                      MonotonicTime now) {
  if (most_ == 0 || held_back_.contains(mac)) return false;
  sweep(now);
  if (!holders_.contains(mac) && holders_.size() >= kMostCounted) return false;
  Holder& holder = holders_[mac];
  const auto [place, fresh] = holder.leases.try_emplace(address);
  if (fresh) place->second.order = ++order_;
  place->second.ends = now + lifetime;
  holder.ends = std::max(holder.ends, place->second.ends);
  if (holder.leases.size() <= most_) return false;
  std::erase_if(holder.leases, [&](const auto& lease) { return lease.second.ends <= now; });
  if (holder.leases.size() <= most_ || held_back_.size() >= kMostHeldBack) return false;
  held_back_.insert(mac);
  return true;
}

LeaseLimit::Verdict LeaseLimit::judge(const MacAddress& mac, std::vector<Lease> leases,
                                      MonotonicTime now) {
  Verdict out;
  if (!held_back_.contains(mac)) return out;
  Holder& holder = holders_[mac];
  // Those that were not counted came while it was about to be held back.
  const auto order = [&](const Lease& lease) {
    const auto known = holder.leases.find(lease.address);
    return known == holder.leases.end() ? order_ + 1 : known->second.order;
  };
  std::ranges::sort(leases, [&](const Lease& a, const Lease& b) {
    return std::pair(order(a), b.age) < std::pair(order(b), a.age);
  });
  out.kept = std::min<std::size_t>(leases.size(), most_);
  for (std::size_t i = out.kept; i < leases.size(); ++i) out.take_back.push_back(leases[i].address);
  leases.resize(out.kept);
  Holder fresh;
  seconds first = kLatest;
  for (const auto& lease : leases) {
    fresh.leases[lease.address] = {order(lease), now + lease.left};
    fresh.ends = std::max(fresh.ends, now + lease.left);
    first = std::min(first, lease.left + seconds(1));
  }
  holder = std::move(fresh);
  out.released = out.kept < most_;
  if (out.released) held_back_.erase(mac);
  out.again = std::max(first, kSoonest);
  return out;
}

void LeaseLimit::sweep(MonotonicTime now) {
  if (now < next_sweep_) return;
  next_sweep_ = now + kSweep;
  std::erase_if(holders_, [&](const auto& holder) {
    return holder.second.ends <= now && !held_back_.contains(holder.first);
  });
}

}  // namespace anabranch::gateway
