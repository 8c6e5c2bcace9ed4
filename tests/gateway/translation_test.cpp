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
  EXPECT_EQ(nft_replacement({}, "ip"),
            "table ip anabranch_gateway\ndelete table ip anabranch_gateway\n");
  EXPECT_EQ(nft_difference(translation(uplink(1)), {}), nft_replacement({}, "ip"));
  EXPECT_THAT(nft_difference({}, translation(uplink(1))),
              HasSubstr("\ntable ip anabranch_gateway {\n"));
  EXPECT_THAT(nft_replacement(translation(uplink(1)), "ip"), Not(HasSubstr("to-1")));
}

std::string uplink6(int k, std::string_view nat, std::string_view more = {}) {
  const std::string n = std::to_string(k);
  return "[[uplink]]\nname = \"isp" + n + "\"\ninterface = \"up" + n + "\"\nindex = " + n + "\n" +
         std::string(more) + "[uplink.ipv6]\nsource_prefix = \"fd00:" + n +
         "::/64\"\nnext_hop = \"fe80::" + n + "\"\nnat = \"" + std::string(nat) + "\"\n" +
         (nat == "none" ? "" : "external_prefix = \"2001:db8:" + n + "::/64\"\n");
}

std::vector<kernel::LinkInfo> links() {
  std::vector<kernel::LinkInfo> out(2);
  out[0].name = "up1";
  out[0].index = 11;
  out[1].name = "up2";
  out[1].index = 12;
  out[1].mtu = 1480;
  return out;
}

Translation translation6(const std::string& uplinks,
                         std::span<const kernel::LinkInfo> present = {}) {
  const auto settings = parse("[lan]\ninterface = \"lan0\"\n" + uplinks, "g.toml");
  EXPECT_TRUE(settings) << settings.error().text();
  return make_translation(*settings, present);
}

TEST(Translation6, AProvidersPrefixIsNotTranslated) {
  EXPECT_TRUE(translation6(uplink6(1, "none") + uplink6(2, "none")).empty());
}

TEST(Translation6, WithStatePrefixesAreMappedBothWaysInTheirOwnTable) {
  const auto paths = translation6(uplink6(2, "stateful"));
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_THAT(paths[0].outgoing, ElementsAre("oifname \"up2\" snat prefix to 2001:db8:2::/64"));
  EXPECT_THAT(paths[0].incoming, ElementsAre("iifname \"up2\" dnat prefix to fd00:2::/64"));
  EXPECT_THAT(nft_families_of(paths), ElementsAre("ip6"));
}

TEST(Translation6, GuestsShareTheAddressOfTheRouterHoweverTheUplinkTranslates) {
  const auto guest = [](std::string_view nat) {
    const auto paths =
        translation6(uplink6(1, nat) + uplink6(2, "none", "fail_open = \"isp1\"\n"), links());
    return paths.back().outgoing;
  };
  EXPECT_THAT(guest("none"), ElementsAre("oifname \"up1\" snat to fd00:1::1"));
  EXPECT_THAT(guest("stateful"), ElementsAre("oifname \"up1\" snat to 2001:db8:1::1"));
  EXPECT_THAT(guest("stateless"), ElementsAre("oifname \"up1\" snat to fd00:1::1"))
      << "the interface maps it, as all of its prefix";
}

TEST(Translation6, DelegatedPrefixesAreTranslatedAsGuestsOnly) {
  const std::string delegated = "delegated = \"2001:db8:8000::/48\"\n";
  EXPECT_EQ(translation6(uplink6(1, "stateful") + delegated).size(), 1u);
  const auto paths =
      translation6(uplink6(1, "none") + uplink6(2, "none", "fail_open = \"isp1\"\n") + delegated);
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_EQ(paths[1].source.text(), "2001:db8:8000::/48");
  EXPECT_THAT(paths[1].outgoing, ElementsAre("oifname \"up1\" snat to fd00:1::1"));
}

TEST(Translation6, WithoutStateItIsDoneAtAnInterfaceThatIsThere) {
  EXPECT_TRUE(translation6(uplink6(2, "stateless")).empty());
  const auto paths = translation6(uplink6(2, "stateless"), links());
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_THAT(
      paths[0].stateless->outgoing,
      ElementsAre("ip6 saddr fd00:2::/64 tcp flags syn tcp option maxseg size > 1420 tcp option "
                  "maxseg size set 1420",
                  "ip6 saddr fd00:2::/64 ip6 saddr set ip6 saddr & ::ffff:ffff:ffff:ffff | "
                  "2001:db8:2::"));
  EXPECT_THAT(paths[0].stateless->incoming[1],
              "ip6 daddr 2001:db8:2::/64 ip6 daddr set ip6 daddr & ::ffff:ffff:ffff:ffff | "
              "fd00:2::");
  EXPECT_THAT(nft_families_of(paths), ElementsAre("netdev"));
}

TEST(NftDifference6, AnInterfaceThatHasComeBackGetsItsChainsAnew) {
  auto before = translation6(uplink6(1, "stateless") + uplink6(2, "stateless"), links());
  auto again = links();
  again[1].index = 99;
  const auto after = translation6(uplink6(1, "stateless") + uplink6(2, "stateless"), again);
  const std::string text = nft_difference(before, after);
  EXPECT_THAT(text, HasSubstr("add chain netdev anabranch_gateway out-2\n"
                              "flush chain netdev anabranch_gateway out-2\n"
                              "delete chain netdev anabranch_gateway out-2\n"));
  EXPECT_THAT(text, HasSubstr("add chain netdev anabranch_gateway out-2 { type filter hook egress "
                              "device \"up2\" priority 0; policy accept; }\n"));
  EXPECT_THAT(text, Not(HasSubstr("-1")));
}

TEST(NftDifference6, OneFamilysChangeTouchesNoOther) {
  const auto one = translation6(uplink(1) + uplink6(2, "stateful"));
  const auto two = translation6(uplink(1) + uplink6(2, "stateful") + uplink6(3, "stateful"));
  const std::string text = nft_difference(one, two);
  EXPECT_THAT(text, HasSubstr("add element ip6 anabranch_gateway by_source { fd00:3::/64 : goto "
                              "from-3 }\n"));
  EXPECT_THAT(text, Not(HasSubstr("delete")));
  EXPECT_THAT(text, Not(HasSubstr(" ip anabranch")));
  EXPECT_EQ(nft_difference(one, translation(uplink(1))), nft_replacement({}, "ip6"));
}

}  // namespace
}  // namespace anabranch::gateway
