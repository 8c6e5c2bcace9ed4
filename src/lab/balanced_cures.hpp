// SPDX-License-Identifier: MIT
// How further subflows find their server, as the scenarios of the balancer compare it. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "lab/scenario.hpp"

namespace anabranch::lab {

enum class Cure : std::uint8_t { kNone, kPort, kAddress, kBoth, kToken };

struct CureTraits {
  Cure cure = Cure::kNone;
  std::string_view word;                ///< in figures and of --only
  std::vector<std::string_view> names;  ///< in balancer.toml
  bool announces_port = false;          ///< servers tell clients to join their port
  bool announces_address = false;       ///< or an address of their own
  bool needs_table = false;             ///< without it nothing is cured

  bool cures() const { return !names.empty(); }
  /// Further subflows go elsewhere than to the service's address and port.
  bool announces() const { return announces_port || announces_address; }
  /// Of a client with one more address: one to each announced place, or one to the service.
  unsigned further_subflows() const { return announces_port && announces_address ? 2 : 1; }
};

/// What the scenarios compare, plain hashing first.
const std::vector<CureTraits>& all_cures();
const CureTraits& traits(Cure cure);

inline constexpr std::array<std::string_view, 2> kFamilyWords = {"ipv4", "ipv6"};
std::string_view family_word(Family family);
/// Those of `choice`.
std::vector<Family> families_wanted(const Choice& choice);
std::vector<Cure> cures_wanted(const Choice& choice);
std::vector<std::string_view> cure_words();

}  // namespace anabranch::lab
