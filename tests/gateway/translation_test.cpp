// SPDX-License-Identifier: MIT
// That nft and the kernel take these is asked of them in tests/scenario/gateway_many.py.
#include "gateway/translation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string uplink(int k, std::string_view more = {}) {
  const std::string n = std::to_string(k);
  return "[[uplink]]\nname = \"isp" + n + "\"\ninterface = \"up" + n + "\"\nnext_hop = \"172.16." +
         n + ".2\"\nindex = " + n + "\nsource_prefix = \"10." + n + ".0.0/16\"\n" +
         std::string(more) + "\n";
}

std::string mapped(int k, std::string_view more = {}) {
  return uplink(k, "nat = \"prefix\"\nexternal_prefix = \"100.6" + std::to_string(k) +
                       ".0.0/16\"\n" + std::string(more));
}

Translation translation(const std::string& uplinks) {
  const auto settings = parse("[lan]\ninterface = \"lan0\"\n" + uplinks, "g.toml");
  EXPECT_TRUE(settings) << settings.error().text();
  return make_translation(*settings);
}

TEST(Translation, NothingIsTranslatedWithoutNat) {
  EXPECT_TRUE(translation(uplink(1, "nat = \"none\"") + uplink(2, "nat = \"none\"")).empty());
}

TEST(Translation, WhoFailsOpenIntoAMasqueradeIsMasqueraded) {
  const auto paths = translation(uplink(1) + uplink(2, "nat = \"none\"\nfail_open = \"isp1\""));
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_THAT(paths[1].outgoing, ElementsAre("oifname \"up1\" masquerade"));
}

TEST(Translation, PrefixIsMappedBothWays) {
  const auto paths = translation(mapped(2));
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_THAT(paths[0].outgoing, ElementsAre("oifname \"up2\" snat prefix to 100.62.0.0/16"));
  EXPECT_THAT(paths[0].incoming, ElementsAre("iifname \"up2\" dnat prefix to 10.2.0.0/16"));
}

TEST(Translation, WhoFailsOpenIntoAMappedPrefixSharesTheAddressOfItsRouter) {
  const auto paths =
      translation(mapped(1, "router = \"10.1.0.7\"") + mapped(2, "fail_open = \"isp1\""));
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_EQ(paths[1].outgoing[1], "oifname \"up1\" snat to 100.61.0.7");
}

TEST(NftDifference, OfTheSameIsNothing) {
  const auto paths = translation(uplink(1) + mapped(2));
  EXPECT_EQ(nft_difference(paths, paths), "");
}

TEST(NftDifference, OfOneChangedUplinkNamesNoOther) {
  const auto before = translation(uplink(1) + uplink(2) + uplink(3));
  const auto after = translation(uplink(1) + uplink(2, "fail_open = \"isp3\"") + uplink(3));
  EXPECT_EQ(nft_difference(before, after),
            "flush chain ip anabranch_gateway from-2\n"
            "add rule ip anabranch_gateway from-2 oifname \"up2\" masquerade\n"
            "add rule ip anabranch_gateway from-2 oifname \"up3\" masquerade\n");
}

TEST(NftDifference, AnUplinkComesAndGoesWithItsElementAndChain) {
  const auto one = translation(uplink(1));
  const auto two = translation(uplink(1) + mapped(2));
  EXPECT_EQ(nft_difference(one, two),
            "add chain ip anabranch_gateway from-2\n"
            "add rule ip anabranch_gateway from-2 oifname \"up2\" snat prefix to 100.62.0.0/16\n"
            "add element ip anabranch_gateway by_source { 10.2.0.0/16 : goto from-2 }\n"
            "add chain ip anabranch_gateway to-2\n"
            "add rule ip anabranch_gateway to-2 iifname \"up2\" dnat prefix to 10.2.0.0/16\n"
            "add element ip anabranch_gateway by_target { 100.62.0.0/16 : goto to-2 }\n");
  EXPECT_EQ(nft_difference(two, one),
            "delete element ip anabranch_gateway by_source { 10.2.0.0/16 }\n"
            "flush chain ip anabranch_gateway from-2\n"
            "delete chain ip anabranch_gateway from-2\n"
            "delete element ip anabranch_gateway by_target { 100.62.0.0/16 }\n"
            "flush chain ip anabranch_gateway to-2\n"
            "delete chain ip anabranch_gateway to-2\n");
}

TEST(NftDifference, APrefixMayMoveFromOnePathToAnother) {
  auto before = translation(uplink(1) + uplink(2));
  auto after = before;
  std::swap(after[0].source, after[1].source);
  const std::string text = nft_difference(before, after);
  EXPECT_LT(text.find("delete element ip anabranch_gateway by_source { 10.2.0.0/16 }"),
            text.find("add element ip anabranch_gateway by_source { 10.2.0.0/16 : goto from-1 }"));
}

TEST(NftReplacement, OfNothingLeavesNoTable) {
  EXPECT_EQ(nft_replacement({}), "table ip anabranch_gateway\ndelete table ip anabranch_gateway\n");
  EXPECT_EQ(nft_difference(translation(uplink(1)), {}), nft_replacement({}));
  EXPECT_THAT(nft_difference({}, translation(uplink(1))),
              HasSubstr("\ntable ip anabranch_gateway {\n"));
  EXPECT_THAT(nft_replacement(translation(uplink(1))), Not(HasSubstr("to-1")));
}

}  // namespace
}  // namespace anabranch::gateway
