// SPDX-License-Identifier: MIT
#include "balancer/maglev.hpp"

#include <algorithm>

namespace anabranch::balancer {
namespace {

/// A finite mixing function: neighbouring ids must have unrelated orders (splitmix64's last steps).
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
  return value ^ value >> 31;
}

/// The order in which a server wants the places: from a beginning in steps of one width, which
/// meets each place once since their number is prime.
class Preference {
 public:
  Preference(RingServer server, std::uint32_t places)
      : server_(server),
        places_(places),
        next_(static_cast<std::uint32_t>(mixed(2ULL * server.id + 1) % places)),
        step_(static_cast<std::uint32_t>(mixed(2ULL * server.id + 2) % (places - 1) + 1)) {}

  const RingServer& server() const { return server_; }
  /// Whether this round has a turn for it, where one of `heaviest` has a turn in every round.
  bool has_turn(unsigned heaviest) {
    credit_ += server_.weight;
    if (credit_ < heaviest) return false;
    credit_ -= heaviest;
    return true;
  }
  /// The first place it wants and nobody has; there is one.
  std::uint32_t take(const std::vector<std::uint16_t>& ring) {
    while (ring[next_] != 0) advance();
    const auto out = next_;
    advance();
    return out;
  }

 private:
  void advance() { next_ = static_cast<std::uint32_t>((std::uint64_t{next_} + step_) % places_); }

  RingServer server_;
  std::uint32_t places_;
  std::uint32_t next_;
  std::uint32_t step_;
  unsigned credit_ = 0;
};

}  // namespace

std::vector<std::uint16_t> maglev_ring(std::span<const RingServer> servers, std::uint32_t places) {
  std::vector<RingServer> taking(servers.begin(), servers.end());
  std::erase_if(taking, [](const RingServer& server) { return server.weight == 0; });
  std::ranges::sort(taking, {}, &RingServer::id);
  std::vector<std::uint16_t> ring(places, 0);
  if (taking.empty()) return ring;

  const auto heaviest = std::ranges::max(taking, {}, &RingServer::weight).weight;
  std::vector<Preference> preferences;
  preferences.reserve(taking.size());
  for (const auto& server : taking) preferences.emplace_back(server, places);
  std::uint32_t taken = 0;
  while (true)
    for (auto& preference : preferences) {
      if (!preference.has_turn(heaviest)) continue;
      ring[preference.take(ring)] = preference.server().id;
      if (++taken == places) return ring;
    }
}

}  // namespace anabranch::balancer
