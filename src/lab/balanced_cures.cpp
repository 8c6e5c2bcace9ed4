// SPDX-License-Identifier: MIT
#include "lab/balanced_cures.hpp"

#include <algorithm>

namespace anabranch::lab {

const std::vector<CureTraits>& all_cures() {
  static const std::vector<CureTraits> all = {
      {.cure = Cure::kNone, .word = "plain", .names = {}},
      {.cure = Cure::kPort, .word = "port", .names = {"port"}, .announces_port = true},
      {.cure = Cure::kAddress, .word = "address", .names = {"address"}, .announces_address = true},
      {.cure = Cure::kBoth,
       .word = "both",
       .names = {"port", "address"},
       .announces_port = true,
       .announces_address = true},
      {.cure = Cure::kToken, .word = "token", .names = {"token"}, .needs_table = true},
  };
  return all;
}

const CureTraits& traits(Cure cure) {
  return *std::ranges::find(all_cures(), cure, &CureTraits::cure);
}

std::string_view family_word(Family family) {
  return kFamilyWords[family == Family::kIpv4 ? 0 : 1];
}

std::vector<Family> families_wanted(const Choice& choice) {
  std::vector<Family> out;
  for (const auto family : {Family::kIpv4, Family::kIpv6})
    if (choice.wants(family_word(family), kFamilyWords)) out.push_back(family);
  return out;
}

std::vector<Cure> cures_wanted(const Choice& choice) {
  const auto words = cure_words();
  std::vector<Cure> out;
  for (const auto& cure : all_cures())
    if (choice.wants(cure.word, words)) out.push_back(cure.cure);
  return out;
}

std::vector<std::string_view> cure_words() {
  std::vector<std::string_view> out;
  for (const auto& cure : all_cures()) out.push_back(cure.word);
  return out;
}

}  // namespace anabranch::lab
