// SPDX-License-Identifier: MIT
// The addresses that paths form in the prefixes of their domains (RFC 4862 with identifiers of RFC
// 7217), and how far the kernel has come with each: it looks for duplicates, we take the next
// identifier when there is one. Pure; what the kernel has is an argument.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/stable_address.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::host {

class Slaac {
 public:
  /// Identifiers tried beyond the first one (RFC 7217 section 7, IDGEN_RETRIES).
  static constexpr unsigned kRetries = 3;

  struct Place {
    unsigned path = 0;
    std::string network;
    IpPrefix prefix;
    bool operator==(const Place&) const = default;
  };
  struct Address {
    enum class State {
      kTentative,  ///< not known to be free
      kReady,
      kGivenUp,  ///< somebody has every one of ours
    };
    Place place;
    StableAddress chosen;
    unsigned conflicts = 0;
    State state = State::kTentative;
  };
  /// An address of ours that somebody else has.
  struct Conflict {
    Place place;
    IpAddress taken;
    std::optional<IpAddress> next;  ///< nothing: given up
  };
  using Generator = std::function<StableAddress(const Place&, unsigned counter)>;

  explicit Slaac(Generator generator) : generator_(std::move(generator)) {}

  /// One address for each place; those of other places are forgotten.
  void want(std::span<const Place> places);
  /// What the kernel has now, ours among it. Returns those that turned out to be taken.
  std::vector<Conflict> observe(std::span<const kernel::Address> present);
  /// The addresses were taken away with their interfaces: they are looked for anew.
  void restart();
  /// What an earlier process came to: the counter of a place.
  void adopt(const Place& place, unsigned counter, unsigned conflicts);

  const Address* at(const Place& place) const;
  const std::vector<Address>& addresses() const { return addresses_; }
  /// Whether something changed since the last call.
  bool take_changed() { return std::exchange(changed_, false); }

 private:
  Address* find(const Place& place);
  Generator generator_;
  std::vector<Address> addresses_;
  bool changed_ = false;
};

}  // namespace anabranch::host
