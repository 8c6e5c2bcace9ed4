// SPDX-License-Identifier: MIT
#include "host/slaac.hpp"

#include <algorithm>

namespace anabranch::host {

using State = Slaac::Address::State;

Slaac::Address* Slaac::find(const Place& place) {
  const auto found = std::ranges::find(addresses_, place, &Address::place);
  return found == addresses_.end() ? nullptr : &*found;
}

const Slaac::Address* Slaac::at(const Place& place) const {
  return const_cast<Slaac*>(this)->find(place);
}

void Slaac::want(std::span<const Place> places) {
  std::erase_if(addresses_, [&](const Address& address) {
    return std::ranges::find(places, address.place) == places.end();
  });
  for (const auto& place : places)
    if (find(place) == nullptr) adopt(place, 0, 0);
}

void Slaac::adopt(const Place& place, unsigned counter, unsigned conflicts) {
  addresses_.push_back({place, generator_(place, counter), conflicts,
                        conflicts > kRetries ? State::kGivenUp : State::kTentative});
  changed_ = true;
}

std::vector<Slaac::Conflict> Slaac::observe(std::span<const kernel::Address> present) {
  std::vector<Conflict> out;
  for (auto& address : addresses_) {
    if (address.state != State::kTentative) continue;
    const auto taken = address.chosen.address;
    const auto found = std::ranges::find_if(
        present, [&](const kernel::Address& there) { return there.prefix.address() == taken; });
    if (found == present.end() || (found->tentative && !found->duplicate)) continue;
    changed_ = true;
    if (!found->duplicate) {
      address.state = State::kReady;
      continue;
    }
    std::optional<IpAddress> next;
    if (++address.conflicts > kRetries) {
      address.state = State::kGivenUp;
    } else {
      address.chosen = generator_(address.place, address.chosen.counter + 1);
      next = address.chosen.address;
    }
    out.push_back({address.place, taken, next});
  }
  return out;
}

void Slaac::restart() {
  for (auto& address : addresses_)
    if (address.state == State::kReady) address.state = State::kTentative;
}

}  // namespace anabranch::host
