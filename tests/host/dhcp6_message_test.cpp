// SPDX-License-Identifier: MIT
// DHCPv6 messages as octets: what is written, what is read, what is not believed.
#include "host/dhcp6_message.hpp"

#include <initializer_list>

#include <gtest/gtest.h>

#include "host/dhcp6_packet.hpp"

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;
using Octets = std::vector<std::uint8_t>;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}
IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}

Octets from_hex(std::string_view text) {
  Octets out;
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits += c;
    if (digits.size() < 2) continue;
    out.push_back(static_cast<std::uint8_t>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return out;
}
Octets joined(std::initializer_list<Octets> parts) {
  Octets out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}
Octets option(std::uint16_t code, const Octets& value) {
  return joined(
      {{static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code),
        static_cast<std::uint8_t>(value.size() >> 8), static_cast<std::uint8_t>(value.size())},
       value});
}
/// A REPLY with these options.
std::optional<Dhcp6Message> reply(std::initializer_list<Octets> options) {
  return decode_dhcp6(joined({{7, 1, 2, 3}, joined(options)}));
}

const Octets kIaNa = from_hex("00000102 00000064 000000c8");
const Octets kAddress = from_hex("fd000002000000000000000000010005 0000012c 00000258");
/// Path 1 of 2.
const Octets kExtRoute12 = from_hex("0011 000a 00007ed9 0001 0002 01 02");
const Octets kFqdn = option(65002, joined({{5, 4}, {'i', 's', 'p', '1'}}));

Dhcp6Message everything() {
  Dhcp6Message out;
  out.type = Dhcp6Type::kReply;
  out.transaction = 0xabcdef;
  out.client = {0, 4, 1, 2, 3};
  out.server = {0, 1, 9};
  out.elapsed = 2550ms;
  out.preference = 255;
  out.requested = {17, 23, 24, 82, 65001};
  out.rapid_commit = true;
  out.sol_max_rt = 7200;
  out.outside.addresses = {
      {7,
       300s,
       480s,
       {{prefix("fd00:1::1:5/128"), 300s, 600s},
        {prefix("fd00:1::1:6/128"), 0s, 0s, Dhcp6Status{Dhcp6Status::kNotOnLink, "moved"}}},
       std::nullopt},
      {8, 0s, 0s, {}, Dhcp6Status{Dhcp6Status::kNoAddrsAvail, "no more"}}};
  out.outside.prefixes = {{9, 1s, 2s, {{prefix("fd00:1:8000::/56"), 300s, dhcp6::kInfinity}}}};
  out.outside.ext_route = wire::ExtRoute{1, 2};
  out.outside.converters = {address("2001:db8::9"), address("198.18.9.9")};
  out.outside.converter_port = 443;
  out.outside.dns = {address("fd00:1::53"), address("2001:db8::53")};
  out.outside.search = {"lan.example.org", "example.org"};
  out.outside.status = Dhcp6Status{Dhcp6Status::kSuccess, "all good"};
  Dhcp6Configuration second;
  second.addresses = {{7, 0s, 0s, {{prefix("fd00:2::1:5/128"), 300s, 600s}}}};
  second.ext_route = wire::ExtRoute{2, 2};
  out.domains = {{5, {'i', 's', 'p', '2'}, second}, {2, {'t'}}};
  return out;
}

TEST(Dhcp6Message, EverythingThatIsWrittenIsRead) {
  const auto octets = encode_dhcp6(everything());
  ASSERT_TRUE(octets);
  EXPECT_EQ(decode_dhcp6(*octets), everything());
}

TEST(Dhcp6Message, ExtRouteLiesInTheVendorOptions) {
  Dhcp6Message message;
  message.outside.ext_route = wire::ExtRoute{1, 2};
  EXPECT_EQ(encode_dhcp6(message), joined({{1, 0, 0, 0}, kExtRoute12}));
  EXPECT_EQ(reply({kExtRoute12})->outside.ext_route, (wire::ExtRoute{1, 2}));
}

TEST(Dhcp6Message, OtherVendorsAndOtherLengthsAreNoExtRoute) {
  for (const char* value :
       {"00007eda 0001 0002 01 02", "00007ed9 0002 0002 01 02", "00007ed9 0001 0003 01 02 03",
        "00007ed9 0001 0000", "00007ed9", "00007e", "00007ed9 0001 0003 01 02"})
    EXPECT_FALSE(reply({option(17, from_hex(value))})->outside.ext_route) << value;
  const auto index_alone = reply({option(17, from_hex("00007ed9 0001 0001 02"))});
  EXPECT_EQ(index_alone->outside.ext_route, (wire::ExtRoute{2, 0}));
  const auto later = reply({option(17, from_hex("00000009 0001 0002 03 03")), kExtRoute12});
  EXPECT_EQ(later->outside.ext_route->index, 1);
}

TEST(Dhcp6Message, ConvertersLieBesideExtRouteAnInstanceEach) {
  const auto message = reply(
      {option(17, from_hex("00007ed9 0002 0010 20010db8000000000000000000000009 0001 0002 01 02"
                           "0002 0010 00000000000000000000ffffc6120909 0003 0002 01bb"
                           "0002 0010 00000000000000000000000000000001"))});
  EXPECT_EQ(message->outside.converters,
            (std::vector{address("2001:db8::9"), address("198.18.9.9")}));
  EXPECT_EQ(message->outside.converter_port, 443);
  EXPECT_EQ(message->outside.ext_route, (wire::ExtRoute{1, 2}));
}

TEST(Dhcp6Message, AnOptionThatEndsBehindTheMessageMakesItNone) {
  EXPECT_TRUE(reply({}));
  EXPECT_FALSE(reply({from_hex("0007 0001")}));
  EXPECT_FALSE(reply({from_hex("0007 00")}));
  EXPECT_FALSE(reply({from_hex("0003 ffff 00")}));
  EXPECT_FALSE(decode_dhcp6(from_hex("07 0102")));
  EXPECT_FALSE(decode_dhcp6({}));
}

TEST(Dhcp6Message, WhatRelaysSayToEachOtherIsNoMessageForUs) {
  for (const char* message : {"00000000", "0c000000", "0d000000", "ff000000"})
    EXPECT_FALSE(decode_dhcp6(from_hex(message))) << message;
}

TEST(Dhcp6Message, MalformedOptionsAreLeftOut) {
  const auto message =
      reply({option(1, Octets(2)), option(2, Octets(131)), option(7, {1, 2}), option(8, {1}),
             option(6, {0}), option(13, {0}), option(14, {1}), option(82, {0, 0, 1}),
             option(23, Octets(17)), option(24, {3, 'o', 'r'}), option(24, {3, 'a', '.', 'b', 0})});
  ASSERT_TRUE(message);
  Dhcp6Message nothing;
  nothing.type = Dhcp6Type::kReply;
  nothing.transaction = 0x010203;
  EXPECT_EQ(*message, nothing);
}

TEST(Dhcp6Message, AnAssociationWithAWrongLengthInsideIsLeftOut) {
  EXPECT_EQ(reply({option(3, joined({kIaNa, option(5, kAddress)}))})->outside.addresses.size(), 1u);
  EXPECT_TRUE(reply({option(3, Octets(11))})->outside.addresses.empty());
  EXPECT_TRUE(reply({option(3, joined({kIaNa, {0, 5, 0, 24, 1}}))})->outside.addresses.empty());
  // An address cut short is no address; the association stays.
  for (const auto& cut : {Octets(23), joined({kAddress, {0, 13, 0, 9}})}) {
    const auto message = reply({option(3, joined({kIaNa, option(5, cut)}))});
    ASSERT_EQ(message->outside.addresses.size(), 1u);
    EXPECT_TRUE(message->outside.addresses[0].leases.empty());
  }
  Octets long_prefix(25);
  long_prefix[8] = 129;
  const auto message = reply({option(25, joined({kIaNa, option(26, long_prefix)}))});
  EXPECT_TRUE(message->outside.prefixes.at(0).leases.empty());
}

TEST(Dhcp6Message, OfWhatMayBeThereOnceTheFirstOneCounts) {
  const auto message = reply(
      {option(1, {0, 1, 1}), option(1, {0, 1, 2}), option(7, {3}), option(7, {4}), kExtRoute12,
       option(17, from_hex("00007ed9 0001 0002 02 02")), option(13, {0, 2}), option(13, {0, 0})});
  EXPECT_EQ(message->client, (Octets{0, 1, 1}));
  EXPECT_EQ(message->preference, 3);
  EXPECT_EQ(message->outside.ext_route->index, 1);
  EXPECT_EQ(message->outside.status->code, Dhcp6Status::kNoAddrsAvail);
}

TEST(Dhcp6Message, AStatusCanBeShown) {
  const auto message = reply({option(13, {0, 1, 'n', 'o', 7, 0xc3, 0xa9, '\n'})});
  EXPECT_EQ(message->outside.status, (Dhcp6Status{Dhcp6Status::kUnspecFail, "no????"}));
}

TEST(Dhcp6Message, OfALongStatusTheBeginningCounts) {
  Octets status{0, 1};
  status.resize(1000, 'x');
  EXPECT_EQ(reply({option(13, status)})->outside.status->text, std::string(128, 'x'));
}

// --- Containers of provisioning domains

TEST(Dhcp6Message, AContainerHasOneIdAndOptionsOfItsOwn) {
  const auto message = reply({option(
      65001, joined({kExtRoute12, kFqdn, option(3, joined({kIaNa, option(5, kAddress)}))}))});
  ASSERT_EQ(message->domains.size(), 1u);
  EXPECT_EQ(message->domains[0].id_type, 5);
  EXPECT_EQ(message->domains[0].id, (Octets{'i', 's', 'p', '1'}));
  const auto* configuration = message->of_path(1);
  ASSERT_EQ(configuration, &message->domains[0].configuration);
  const auto* association = configuration->association(0x0102);
  ASSERT_TRUE(association);
  EXPECT_EQ(association->t1, 100s);
  EXPECT_EQ(association->leases.at(0).prefix.address(), address("fd00:2::1:5"));
  EXPECT_EQ(configuration->association(0x0103), nullptr);
  EXPECT_EQ(message->outside, Dhcp6Configuration{});
}

TEST(Dhcp6Message, AContainerWithoutOneIdIsIgnored) {
  const auto domains = [](const Octets& value) {
    return reply({option(65001, value)})->domains.size();
  };
  EXPECT_EQ(domains(kFqdn), 1u);
  EXPECT_EQ(domains(kExtRoute12), 0u) << "no id";
  EXPECT_EQ(domains(joined({kFqdn, kFqdn})), 0u) << "two";
  EXPECT_EQ(domains(joined({kFqdn, option(65002, {2, 1, 'a'})})), 0u) << "two different ones";
  EXPECT_EQ(domains(option(65002, {5, 0})), 0u) << "an empty one";
  EXPECT_EQ(domains(option(65002, {5, 3, 'a'})), 0u) << "longer than its option";
  EXPECT_EQ(domains(option(65002, {5, 1, 'a', 'b'})), 0u) << "shorter";
  EXPECT_EQ(domains(joined({kFqdn, {0, 3, 0, 9}})), 0u) << "a wrong length behind it";
}

TEST(Dhcp6Message, TheSecondContainerOfADomainIsIgnored) {
  const auto second = option(17, from_hex("00007ed9 0001 0002 02 02"));
  const auto message =
      reply({option(65001, joined({kFqdn, kExtRoute12})), option(65001, joined({kFqdn, second}))});
  ASSERT_EQ(message->domains.size(), 1u);
  EXPECT_EQ(message->of_path(2), nullptr);
}

TEST(Dhcp6Message, AContainerInAContainerIsNone) {
  const auto inner = option(65001, joined({option(65002, {5, 1, 'x'}), kExtRoute12}));
  const auto message = reply({option(65001, joined({kFqdn, inner}))});
  ASSERT_EQ(message->domains.size(), 1u);
  EXPECT_EQ(message->of_path(1), nullptr);
}

TEST(Dhcp6Message, APathIsLookedForInContainersFirst) {
  const auto message = reply({kExtRoute12, option(65001, joined({kFqdn, kExtRoute12}))});
  EXPECT_EQ(message->of_path(1), &message->domains.at(0).configuration);
  const auto other = option(17, from_hex("00007ed9 0001 0002 02 02"));
  const auto outside = reply({kExtRoute12, option(65001, joined({kFqdn, other}))});
  EXPECT_EQ(outside->of_path(1), &outside->outside);
  EXPECT_EQ(outside->of_path(3), nullptr);
}

TEST(Dhcp6Message, WhatCannotBeSaidIsNotWritten) {
  Dhcp6Message message;
  message.outside.search = {"no name.example"};
  EXPECT_FALSE(encode_dhcp6(message));
  message.outside.search = {};
  message.outside.dns.resize(5000, address("::1"));
  EXPECT_FALSE(encode_dhcp6(message));
  message.outside.dns = {};
  message.domains = {{5, Octets(256)}};
  EXPECT_FALSE(encode_dhcp6(message));
}

// --- In a frame

TEST(Dhcp6Frame, AClientsMessageGoesToAllServersOfTheLink) {
  Dhcp6Message solicit;
  solicit.client = {0, 4, 1};
  const auto mac = MacAddress::parse("02:00:00:00:00:02").value();
  const auto frame = frame_for(solicit, mac, address("fe80::2"));
  EXPECT_EQ(frame.destination.text(), "33:33:00:01:00:02");
  EXPECT_EQ(frame.destination_address, address("ff02::1:2"));
  const auto octets = encode_frame(frame);
  ASSERT_TRUE(octets);
  EXPECT_EQ((*octets)[14 + 6], 17) << "UDP";
  EXPECT_EQ(((*octets)[54] << 8) + (*octets)[55], 546);
  EXPECT_EQ(((*octets)[56] << 8) + (*octets)[57], 547);
  EXPECT_EQ(decode_dhcp6_frame(*octets), frame);
}

TEST(Dhcp6Frame, WhatIsNoDhcp6IsNothing) {
  Dhcp6Frame frame{{}, {}, address("fe80::1"), address("fe80::2"), everything()};
  auto octets = encode_frame(frame).value();
  EXPECT_EQ(decode_dhcp6_frame(octets), frame);
  auto wrong_port = octets;
  wrong_port[57] = 9;
  EXPECT_FALSE(decode_dhcp6_frame(wrong_port));
  for (std::size_t length = 0; length < octets.size(); ++length) {
    const auto cut = decode_dhcp6_frame(std::span(octets).first(length));
    EXPECT_TRUE(!cut || *cut != frame) << length;
  }
}

}  // namespace
}  // namespace anabranch::host
