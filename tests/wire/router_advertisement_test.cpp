// SPDX-License-Identifier: MIT
#include "wire/router_advertisement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Octets = std::vector<std::uint8_t>;

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}
IpPrefix prefix(std::string_view text) {
  return *IpPrefix::parse(text);
}

Octets operator+(Octets one, const Octets& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

Octets repeated(std::uint8_t octet, std::size_t count) {
  return Octets(count, octet);
}

Octets text(std::string_view letters) {
  return {letters.begin(), letters.end()};
}

/// Octets as one writes them down: "1508 0000", spaces do not count.
Octets hex(std::string_view digits) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Octets out;
  int high = -1;
  for (const char c : digits) {
    if (c == ' ') continue;
    if (high < 0) {
      high = value(c);
    } else {
      out.push_back(static_cast<std::uint8_t>(high << 4 | value(c)));
      high = -1;
    }
  }
  return out;
}

/// A router for half an hour, hop limit 64; checksum not yet there.
const Octets kHeader = hex("86000000 40000708 00000000 00000000");
const Octets kOtherPrefix =
    hex("03044080 00000e10 00000708 00000000 20010db8000200000000000000000000");
/// isp1.example.org, path 1 of 2.
const Octets kVector =
    hex("1508000000000469737031076578616d706c65036f726700"
        "030440c000000e10000007080000000020010db8000100000000000000000000fd01455201000102");
const Octets kId = hex("046973703107 6578616d706c65 036f726700");

/// A PvD option of isp1.example.org with what follows the id.
Octets pvd(const Octets& rest, std::uint8_t flags = 0) {
  const auto units = static_cast<std::uint8_t>((24 + rest.size()) / 8);
  return Octets{21, units, flags, 0, 0, 0} + kId + rest;
}

std::optional<RouterAdvertisement> decode(const Octets& options) {
  return decode_router_advertisement(kHeader + options);
}

RouterAdvertisement path_one() {
  RouterAdvertisement out;
  out.header.hop_limit = 64;
  out.header.lifetime = seconds(1800);
  auto& domain = out.domain.emplace();
  domain.id = "isp1.example.org";
  domain.options.prefixes.push_back(
      {prefix("2001:db8:1::/64"), true, true, seconds(3600), seconds(1800)});
  domain.options.ext_route = ExtRoute{1, 2};
  return out;
}

TEST(RouterAdvertisement, DomainWithPrefixAndPathIsWrittenAsTheVectorSays) {
  EXPECT_EQ(encode(path_one()), kHeader + kVector);
  EXPECT_EQ(decode(kVector), path_one());
}

TEST(RouterAdvertisement, EverythingComesBack) {
  RouterAdvertisement all;
  all.header = {64, true, true, RouterHeader::Preference::kHigh, seconds(600), 30000, 1000};
  all.options.source_link_address = *MacAddress::parse("02:00:00:00:00:01");
  all.options.mtu = 1492;
  all.options.prefixes = {{prefix("2001:db8:1::/64"), true, false, kForever, seconds(0)},
                          {prefix("::/0"), false, true, seconds(1), kForever}};
  all.options.routes = {{prefix("::/0"), RouterHeader::Preference::kLow, kForever},
                        {prefix("2001:db8::/32"), RouterHeader::Preference::kMedium, seconds(30)},
                        {prefix("2001:db8::1/128"), RouterHeader::Preference::kHigh, seconds(0)}};
  all.options.dns = {{seconds(90), {address("2001:db8::53"), address("2001:db8::54")}},
                     {kForever, {address("fe80::53")}}};
  all.options.search = {{seconds(90), {"example.org", "a_b.x-1.example"}}};
  all.options.ext_route = ExtRoute{2, 2};
  all.domain =
      ProvisioningDomain{"isp2.example.org", true, true, 7, 0x1234, RouterHeader{}, all.options};
  const auto message = encode(all);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->size() % 8, 0u);
  EXPECT_EQ(decode_router_advertisement(*message), all);
}

TEST(RouterAdvertisement, HeaderHasTheFieldsOfTheStandard) {
  const auto read = decode_router_advertisement(hex("86001234 ffc8ffff 00007530 000003e8"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->header, (RouterHeader{255, true, true, RouterHeader::Preference::kHigh,
                                        seconds(65535), 30000, 1000}));
}

TEST(RouterAdvertisement, PreferenceCountsForDefaultRoutersOnly) {
  EXPECT_EQ(
      decode_router_advertisement(hex("86000000 40080000 00000000 00000000"))->header.preference,
      RouterHeader::Preference::kMedium);
  EXPECT_EQ(
      decode_router_advertisement(hex("86000000 40100708 00000000 00000000"))->header.preference,
      RouterHeader::Preference::kMedium)
      << "the reserved value";
  RouterAdvertisement none;
  none.header.preference = RouterHeader::Preference::kHigh;
  EXPECT_EQ((*encode(none))[5], 0);
}

TEST(RouterAdvertisement, LifetimesAreHeldToWhatFits) {
  RouterAdvertisement out;
  out.header.lifetime = seconds(100'000);
  out.options.dns = {{seconds(0x1'0000'0000), {address("::1")}}, {seconds(-1), {address("::1")}}};
  const auto read = decode_router_advertisement(*encode(out));
  EXPECT_EQ(read->header.lifetime, seconds(65535));
  EXPECT_EQ(read->options.dns[0].lifetime, kForever);
  EXPECT_EQ(read->options.dns[1].lifetime, seconds(0));
}

TEST(RouterAdvertisement, AnythingElseIsNone) {
  EXPECT_FALSE(decode_router_advertisement({}));
  EXPECT_FALSE(decode_router_advertisement(Octets(kHeader.begin(), kHeader.end() - 1)));
  EXPECT_FALSE(decode_router_advertisement(hex("85000000 40000708 00000000 00000000")));
  EXPECT_FALSE(decode_router_advertisement(hex("86010000 40000708 00000000 00000000")));
  EXPECT_TRUE(decode({}));
}

TEST(RouterAdvertisement, OptionWithoutLengthVoidsTheMessage) {
  EXPECT_FALSE(decode(kVector + hex("0500 0000 000005dc")));
}

TEST(RouterAdvertisement, OptionBeyondTheEndVoidsTheMessage) {
  for (std::size_t cut = 1; cut < kVector.size(); ++cut)
    EXPECT_FALSE(decode(Octets(kVector.begin(), kVector.end() - static_cast<std::ptrdiff_t>(cut))))
        << cut;
  EXPECT_FALSE(decode(hex("05")));
}

TEST(RouterAdvertisement, OptionWithAWrongLengthOfItsKindIsSkipped) {
  const RouterAdvertisement nothing = *decode({});
  const Octets sixteen = repeated(0x20, 16);
  EXPECT_EQ(decode(Octets{1, 2} + repeated(2, 14)), nothing) << "no Ethernet address";
  EXPECT_EQ(decode(Octets{3, 3, 64, 0xc0} + repeated(1, 20)), nothing);
  EXPECT_EQ(decode(Octets{3, 5, 64, 0xc0} + repeated(1, 36)), nothing);
  EXPECT_EQ(decode(Octets{3, 4, 129, 0xc0} + repeated(1, 28)), nothing) << "129 bits";
  EXPECT_EQ(decode(Octets{5, 2, 0, 0} + repeated(1, 12)), nothing);
  EXPECT_EQ(decode(Octets{24, 1, 1, 0, 0, 0, 0, 9}), nothing) << "a bit of a prefix, and no octets";
  EXPECT_EQ(decode(Octets{24, 2, 65, 0, 0, 0, 0, 9} + repeated(1, 8)), nothing);
  EXPECT_EQ(decode(Octets{24, 3, 129, 0, 0, 0, 0, 9} + sixteen), nothing);
  EXPECT_EQ(decode(Octets{24, 4, 64, 0, 0, 0, 0, 9} + repeated(1, 24)), nothing);
  EXPECT_EQ(decode(Octets{24, 3, 64, 0x10, 0, 0, 0, 9} + sixteen), nothing)
      << "reserved preference";
  EXPECT_EQ(decode(Octets{25, 1, 0, 0, 0, 0, 0, 9}), nothing) << "no resolver";
  EXPECT_EQ(decode(Octets{25, 2, 0, 0, 0, 0, 0, 9} + repeated(1, 8)), nothing) << "half of one";
  EXPECT_EQ(decode(Octets{31, 1, 0, 0, 0, 0, 0, 9}), nothing) << "no domain";
  EXPECT_EQ(decode(Octets{31, 2, 0, 0, 0, 0, 0, 9} + Octets{7} + text("example")), nothing)
      << "a name without an end";
  EXPECT_EQ(decode(hex("fd02 4552 01000102 0000000000000000")), nothing);
  EXPECT_EQ(decode(hex("fd01 4553 01000102")), nothing) << "another experiment";
  EXPECT_EQ(decode(hex("fd01 4552 02000102")), nothing) << "a later version";
  EXPECT_EQ(decode(hex("fe01 4552 01000102")), nothing) << "an unknown option";
}

TEST(RouterAdvertisement, RoutesMayHaveMoreOctetsThanTheyNeed) {
  const auto read = decode(Octets{24, 3, 0, 0x18, 0, 0, 0, 9} + repeated(0xff, 16));
  ASSERT_TRUE(read);
  EXPECT_THAT(
      read->options.routes,
      ElementsAre(RouteInformation{prefix("::/0"), RouterHeader::Preference::kLow, seconds(9)}));
}

TEST(RouterAdvertisement, BitsBeyondAPrefixSayNothing) {
  const auto read = decode(Octets{3, 4, 60, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0} +
                           hex("20010db8000000ff00000000000000ff"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->options.prefixes.at(0).prefix, prefix("2001:db8:0:f0::/60"));
}

TEST(RouterAdvertisement, OfOptionsThatStandOnceTheFirstCounts) {
  const auto read =
      decode(hex("0101 020000000001 0101 020000000002"
                 "0501 0000 000005dc 0501 0000 00000500"
                 "fd01 4552 01000102 fd01 4552 01000202"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->options.source_link_address->text(), "02:00:00:00:00:01");
  EXPECT_EQ(read->options.mtu, 1500u);
  EXPECT_EQ(read->options.ext_route, (ExtRoute{1, 2}));
}

TEST(RouterAdvertisement, OfSeveralDomainsTheFirstCounts) {
  RouterAdvertisement path_two;
  path_two.domain.emplace().id = "isp2.example.org";
  const auto second = *encode(path_two);
  const Octets other(second.begin() + 16, second.end());
  EXPECT_EQ(decode(kVector + other), path_one());
  EXPECT_EQ(decode(other + kVector)->domain->id, "isp2.example.org");
  EXPECT_FALSE(decode(pvd(hex("0300 0000 00000000")) + kVector)->domain)
      << "a void one is the first one too";
}

TEST(RouterAdvertisement, DomainInsideADomainIsSkipped) {
  const auto read = decode(pvd(kVector + hex("fd01 4552 01000202")));
  ASSERT_TRUE(read && read->domain);
  EXPECT_EQ(read->domain->id, "isp1.example.org");
  EXPECT_THAT(read->domain->options.prefixes, IsEmpty());
  EXPECT_EQ(read->domain->options.ext_route, (ExtRoute{2, 2}));
  EXPECT_EQ(read->options, RouterOptions{}) << "nor does it leak into what is outside";
}

TEST(RouterAdvertisement, HeaderInsideTheDomainWins) {
  const auto read =
      decode(pvd(hex("ffffffff 00000000 00000000 00000000 fd01 4552 01000102"), 0x20));
  ASSERT_TRUE(read && read->domain);
  EXPECT_EQ(read->header.lifetime, seconds(1800));
  EXPECT_EQ(read->domain_header().lifetime, seconds(0));
  EXPECT_EQ(read->domain->options.ext_route, (ExtRoute{1, 2}));
  EXPECT_EQ(decode(kVector)->domain_header().lifetime, seconds(1800)) << "without one the outer";
}

TEST(RouterAdvertisement, WhatBreaksTheLengthOfADomainVoidsTheDomainAlone) {
  const auto outside = decode(kOtherPrefix);
  ASSERT_THAT(outside->options.prefixes, SizeIs(1));
  EXPECT_EQ(decode(pvd({}, 0x20) + kOtherPrefix), outside) << "no room for the header";
  EXPECT_EQ(decode(pvd(repeated(0, 8), 0x20) + kOtherPrefix), outside) << "for half of it";
  EXPECT_EQ(decode(pvd(hex("0500 0000 000005dc")) + kOtherPrefix), outside);
  EXPECT_EQ(decode(pvd(hex("0502 0000 000005dc")) + kOtherPrefix), outside)
      << "an option reaches out of its domain";
}

TEST(RouterAdvertisement, DomainIdIsADomainName) {
  const auto id_of = [](const Octets& octets) {
    Octets option = Octets{21, 0, 0, 0, 0, 0} + octets;
    option.resize((option.size() + 7) / 8 * 8);
    option[1] = static_cast<std::uint8_t>(option.size() / 8);
    const auto read = decode(option + kOtherPrefix);
    EXPECT_TRUE(read && read->options.prefixes.size() == 1);
    return read && read->domain ? read->domain->id : "";
  };
  EXPECT_EQ(id_of(hex("044953503107 4578616d706c65 034f524700")), "isp1.example.org");
  EXPECT_EQ(id_of(Octets{1} + text("a") + Octets{0}), "a") << "padding is of any length";
  EXPECT_EQ(id_of({0}), "") << "the root";
  EXPECT_EQ(id_of(hex("c0 0c")), "") << "compressed";
  EXPECT_EQ(id_of(Octets{3} + text("a.b") + Octets{0}), "") << "a dot inside a label";
  EXPECT_EQ(id_of(Octets{3} + text("a\nb") + Octets{0}), "") << "a line for the log";
  EXPECT_EQ(id_of(Octets{3, 0xc3, 0xa4, 'b', 0}), "");
  EXPECT_EQ(id_of(Octets{64} + repeated('a', 64) + Octets{0}), "") << "a label too long";
  EXPECT_EQ(id_of(Octets{9} + text("a")), "") << "a label beyond the end";
  EXPECT_EQ(id_of(Octets{1} + text("a") + Octets{7} + repeated('b', 7)), "") << "no end";
  const Octets label = Octets{63} + repeated('a', 63);
  EXPECT_EQ(id_of(label + label + label + Octets{61} + repeated('a', 61) + Octets{0}).size(), 253u);
  EXPECT_EQ(id_of(label + label + label + Octets{62} + repeated('a', 62) + Octets{0}), "");
}

TEST(RouterAdvertisement, DelayAndSequenceNeedTheFurtherInformation) {
  Octets option = kVector;
  option[3] = 0x0a;
  option[4] = 0x12;
  option[5] = 0x34;
  EXPECT_EQ(decode(option), path_one());
  option[2] = 0x80;
  const auto read = decode(option);
  EXPECT_EQ(read->domain->delay, 10);
  EXPECT_EQ(read->domain->sequence, 0x1234);
  option[2] = 0x9f;
  option[3] = 0xfa;
  EXPECT_EQ(decode(option), read) << "unknown flags";
}

TEST(RouterAdvertisement, WhatHasNoFormIsNotWritten) {
  const auto with = [](auto change) {
    RouterAdvertisement out = path_one();
    change(*out.domain);
    return encode(out).has_value();
  };
  EXPECT_TRUE(with([](auto&) {}));
  EXPECT_TRUE(with([](auto& domain) { domain.id = "ISP1.example.org."; }));
  for (const auto* id : {"", ".", "a..b", ".a", "a b", "ä.example"})
    EXPECT_FALSE(with([&](auto& domain) { domain.id = id; })) << id;
  EXPECT_FALSE(with([](auto& domain) { domain.id = std::string(64, 'a'); }));
  EXPECT_FALSE(with([](auto& domain) { domain.options.dns = {{seconds(1), {}}}; }));
  EXPECT_FALSE(with([](auto& domain) { domain.options.dns = {{seconds(1), {IpAddress()}}}; }));
  EXPECT_FALSE(with([](auto& domain) { domain.options.prefixes = {{.prefix = IpPrefix()}}; }));
  EXPECT_FALSE(with([](auto& domain) { domain.options.routes = {{.prefix = IpPrefix()}}; }));
  EXPECT_FALSE(with([](auto& domain) { domain.options.search = {{seconds(1), {}}}; }));
  EXPECT_FALSE(with([](auto& domain) { domain.options.search = {{seconds(1), {"a b"}}}; }));
  const auto servers = [&](std::size_t count) {
    return with([&](auto& domain) {
      domain.options.dns = {{seconds(1), std::vector<IpAddress>(count, address("::1"))}};
    });
  };
  EXPECT_TRUE(servers(122)) << "255 units: 24 + 32 + 8 + 122 * 16 + 8 octets are 253";
  EXPECT_FALSE(servers(124)) << "an option holds no more than 2040 octets";
  EXPECT_FALSE(servers(128));
}

TEST(RouterSolicitation, TellsTheLinkAddressWhenThereIsOne) {
  EXPECT_EQ(encode_router_solicitation({}), hex("85000000 00000000"));
  EXPECT_EQ(encode_router_solicitation(*MacAddress::parse("02:00:00:00:00:01")),
            hex("85000000 00000000 0101 020000000001"));
}

TEST(RouterSolicitation, IsCheckedAsTheStandardSays) {
  const auto host = address("fe80::1");
  const auto nobody = address("::");
  EXPECT_TRUE(is_router_solicitation(hex("85000000 00000000"), host));
  EXPECT_TRUE(is_router_solicitation(hex("85000000 00000000"), nobody));
  EXPECT_TRUE(is_router_solicitation(hex("85000000 00000000 0101 020000000001"), host));
  EXPECT_FALSE(is_router_solicitation(hex("85000000 00000000 0101 020000000001"), nobody));
  EXPECT_TRUE(is_router_solicitation(hex("85000000 00000000 0e01 020000000001"), nobody));
  EXPECT_FALSE(is_router_solicitation(hex("85000000 000000"), host));
  EXPECT_FALSE(is_router_solicitation(hex("85010000 00000000"), host));
  EXPECT_FALSE(is_router_solicitation(hex("86000000 00000000"), host));
  EXPECT_FALSE(is_router_solicitation(hex("85000000 00000000 0100 020000000001"), host));
  EXPECT_FALSE(is_router_solicitation(hex("85000000 00000000 0102 020000000001"), host));
}

}  // namespace
}  // namespace anabranch::wire
