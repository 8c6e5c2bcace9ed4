// SPDX-License-Identifier: MIT
// Convert messages as they are written in RFC 8803: what each means, and what is wrong with those
// that mean nothing.
#include "wire/convert.hpp"

#include <string>

#include <gtest/gtest.h>

#include "support/hex.hpp"

namespace anabranch::wire {
namespace {

using test::hex;
using Octets = std::vector<std::uint8_t>;

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

ConvertMessage with_connect(std::string_view peer, std::vector<TcpOption> options = {}) {
  ConvertMessage out;
  out.connect = {endpoint(peer), std::move(options)};
  return out;
}

ConvertMessage with_error(ConvertCode code, Octets value) {
  ConvertMessage out;
  out.error = {code, std::move(value)};
  return out;
}

/// The name of what is wrong with a message, and the error that answers it: "cut 1".
std::string fault_of(const Octets& octets) {
  const auto message = decode_convert(octets);
  if (message) return "none";
  const auto& [what, answer] = message.error();
  return std::string(what) +
         (answer ? " " + std::to_string(static_cast<unsigned>(*answer)) : " reset");
}

/// `tlvs` with a fixed header in front that fits them.
Octets framed(std::string_view tlvs) {
  Octets out = hex("01002263");
  const auto rest = hex(tlvs);
  out.insert(out.end(), rest.begin(), rest.end());
  out[1] = static_cast<std::uint8_t>((out.size() + 3) / 4);
  return out;
}

struct Vector {
  std::string name;
  std::string octets;
  ConvertMessage message;
};

std::vector<Vector> vectors() {
  std::vector<Vector> out;
  out.push_back({"connect", "010622630a0501bb00000000000000000000ffffc0000250",
                 with_connect("192.0.2.80:443")});
  out.push_back({"connect extended", "010722630a0601bb20010db80000000000000000000000501e020000",
                 with_connect("[2001:db8::50]:443", {{tcp_kind::kMptcp}})});
  ConvertMessage message;
  message.info = true;
  out.push_back({"info", "0102226301010000", message});
  message = {};
  message.supported = hex("04081e22");
  out.push_back({"supported", "010322631502000004081e22", message});
  message = with_connect("192.0.2.80:443");
  message.cookie = hex("0011223344556677");
  out.push_back({"cookie and connect",
                 "010922631603000000112233445566770a0501bb00000000000000000000ffffc0000250",
                 message});
  message = {};
  message.extended_tcp_header = {{tcp_kind::kMaximumSegmentSize, hex("05b4")},
                                 {tcp_kind::kSackPermitted}};
  out.push_back({"extended TCP header", "0104226314030000020405b404020000", message});
  out.push_back({"header alone", "01012263", {}});
  const auto error = [&](std::string octets, ConvertCode code, Octets value) {
    out.push_back({"error " + std::to_string(static_cast<unsigned>(code)), std::move(octets),
                   with_error(code, std::move(value))});
  };
  error("010222631e010001", ConvertCode::kUnsupportedVersion, {1});
  error("010822631e070100010622630a05005000000000000000000000ffffe0000001",
        ConvertCode::kMalformedMessage, hex("010622630a05005000000000000000000000ffffe0000001"));
  error("010422631e0302000102226301010000", ConvertCode::kUnsupportedMessage,
        hex("0102226301010000"));
  error("010422631e0303000011223344556677", ConvertCode::kMissingCookie, hex("0011223344556677"));
  error("010222631e012000", ConvertCode::kNotAuthorized, {0});
  error("010222631e01211d", ConvertCode::kUnsupportedTcpOption, {29});
  error("010222631e01400a", ConvertCode::kResourceExceeded, {10});
  error("010222631e01411e", ConvertCode::kNetworkFailure, {30});
  error("010222631e016000", ConvertCode::kConnectionReset, {0});
  error("010222631e016101", ConvertCode::kDestinationUnreachable, {1});
  return out;
}

TEST(Convert, VectorsAreWrittenAndRead) {
  for (const auto& [name, octets, message] : vectors()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(encode(message), hex(octets));
    const auto read = decode_convert(hex(octets));
    ASSERT_TRUE(read.has_value()) << read.error().what;
    EXPECT_EQ(*read, message);
  }
}

TEST(Convert, AllTlvsGoIntoOneMessage) {
  ConvertMessage message = with_connect("[2001:db8::1]:5201", {{4}, {34, hex("01020304")}});
  message.info = true;
  message.cookie = hex("ffffffff");
  message.extended_tcp_header = {{{30, hex("0081")}}};
  message.supported = hex("1e");
  message.error = {ConvertCode::kMalformedMessage, hex("01012263")};
  const auto octets = encode(message);
  ASSERT_TRUE(octets);
  EXPECT_EQ(decode_convert(*octets), message);
}

TEST(Convert, TheHeaderTellsTheLengthBeforeTheRestIsThere) {
  for (std::size_t size = 0; size < kConvertHeader; ++size)
    EXPECT_TRUE(std::holds_alternative<ConvertMore>(convert_length(Octets(size, 0xff))));
  EXPECT_EQ(std::get<std::size_t>(convert_length(hex("01062263"))), 24);
  EXPECT_EQ(std::get<std::size_t>(convert_length(hex("01ff2263 0a"))), kConvertMaxMessage);
}

TEST(Convert, WhatIsNoConvertMessageIsAnsweredByNothing) {
  EXPECT_EQ(fault_of(hex("474554202f20")), "not-convert reset");
  EXPECT_EQ(fault_of(hex("01012264")), "not-convert reset");
  EXPECT_EQ(fault_of(hex("01002263")), "zero-length reset");
}

TEST(Convert, AnotherVersionIsAnsweredByError0) {
  EXPECT_EQ(fault_of(hex("02012263")), "version 0");
  EXPECT_EQ(fault_of(hex("00012263")), "version 0");
}

TEST(Convert, TheMessageIsAsLongAsItSays) {
  EXPECT_EQ(fault_of(hex("0103226301010000")), "cut 1");
  EXPECT_EQ(fault_of(hex("0101226301010000")), "cut 1");
  EXPECT_EQ(fault_of(hex("0101")), "cut 1");
}

TEST(Convert, TlvsEndWithTheMessage) {
  EXPECT_EQ(fault_of(framed("15020000")), "tlv-length 1");
  EXPECT_EQ(fault_of(framed("01010000 16ff0000")), "tlv-length 1");
  EXPECT_EQ(fault_of(framed("16000000")), "tlv-length 1") << "none at all";
}

TEST(Convert, ATlvIsAsLongAsItsTypeCanBe) {
  EXPECT_EQ(fault_of(framed("01020000 00000000")), "tlv-length 1") << "Info";
  EXPECT_EQ(fault_of(framed("0a0401bb 00000000 00000000 0000ffff")), "tlv-length 1") << "Connect";
  for (const auto* tlv : {"14010000", "15010000", "16010000"})
    EXPECT_EQ(fault_of(framed(tlv)), "none") << tlv << ": nothing in it";
}

TEST(Convert, TypesNobodyKnowsAreAnsweredByError2) {
  EXPECT_EQ(fault_of(framed("00010000")), "type-zero 2");
  for (unsigned type = 1; type < 0x100; ++type) {
    auto octets = framed("00010000");
    octets[4] = static_cast<std::uint8_t>(type);
    switch (static_cast<ConvertTlv>(type)) {
      case ConvertTlv::kConnect:
        EXPECT_EQ(fault_of(octets), "tlv-length 1");
        break;
      case ConvertTlv::kInfo:
      case ConvertTlv::kExtendedTcpHeader:
      case ConvertTlv::kSupported:
      case ConvertTlv::kCookie:
      case ConvertTlv::kError:
        EXPECT_EQ(fault_of(octets), "none");
        break;
      default:
        EXPECT_EQ(fault_of(octets), "unknown-tlv 2") << type;
    }
  }
}

TEST(Convert, ATlvComesOnce) {
  for (const auto* tlv : {"01010000", "0a0501bb00000000000000000000ffffc0000250", "14010000",
                          "15010000", "1602000000000001", "1e016000"})
    EXPECT_EQ(fault_of(framed(std::string(tlv) + tlv)), "duplicate-tlv 1") << tlv;
  EXPECT_EQ(fault_of(framed("01010000 16020000 00000001 01010000")), "duplicate-tlv 1");
}

TEST(Convert, TheFirstFaultIsTold) {
  EXPECT_EQ(fault_of(framed("00010000 01020000")), "type-zero 2");
  EXPECT_EQ(fault_of(framed("01020000 00010000")), "tlv-length 1");
}

TEST(Convert, UnassignedFieldsAreNotLookedAt) {
  ConvertMessage message;
  message.info = true;
  message.cookie = hex("00000001");
  message.supported = hex("1e");
  message.extended_tcp_header.emplace();
  EXPECT_EQ(decode_convert(framed("0101ffff 1602ffff00000001 1401ffff 1502ffff1e000000")), message);
}

/// A Connect with these octets where its options are, of no more than ten words.
std::string connect_with(std::string_view options) {
  std::string tlv = "0a0501bb00000000000000000000ffffc0000250";
  tlv[3] = "0123456789abcdef"[5 + hex(options).size() / 4];
  return fault_of(framed(tlv + std::string(options)));
}

TEST(Convert, OptionsOfAConnectHaveLengths) {
  EXPECT_EQ(connect_with("1e020000"), "none");
  EXPECT_EQ(connect_with("1e02 0402 0802 2202"), "none") << "without padding";
  EXPECT_EQ(connect_with("220601020304 0000"), "none");
  EXPECT_EQ(connect_with("1e02 1e01"), "option-length 1");
  EXPECT_EQ(connect_with("1e020000 04000000"), "option-kind 1") << "an end in the middle";
  EXPECT_EQ(connect_with("1e050000"), "option-length 1") << "past the end";
  EXPECT_EQ(connect_with("1e02041e"), "option-length 1") << "past the end";
  EXPECT_EQ(connect_with("1e020022"), "option-kind 1");
  EXPECT_EQ(connect_with("22050102 03000000 00000000"), "option-kind 1") << "too much padding";
}

TEST(Convert, OptionsOfAConnectAreNoEndAndNoNoOperation) {
  EXPECT_EQ(connect_with("00000000"), "option-kind 1");
  EXPECT_EQ(connect_with("011e0200"), "option-kind 1");
  EXPECT_EQ(connect_with("1e020100"), "option-kind 1");
  EXPECT_FALSE(encode(with_connect("192.0.2.80:443", {{tcp_kind::kNoOperation}})));
}

TEST(Convert, AnExtendedTcpHeaderIsACopyOfASegment) {
  const auto message = decode_convert(framed("14040000 0101080a 00000001 00000002"));
  ASSERT_TRUE(message.has_value());
  ASSERT_EQ(message->extended_tcp_header->size(), 1);
  EXPECT_EQ(message->extended_tcp_header->front(),
            (TcpOption{tcp_kind::kTimestamps, hex("0000000100000002")}));
  EXPECT_EQ(fault_of(framed("14020000 02050000")), "option-length 1");
}

TEST(Convert, PaddingOfListsIsNoPartOfThem) {
  const auto supported = decode_convert(framed("15030000 04081e22 fe000000"));
  EXPECT_EQ(supported->supported, hex("04081e22fe"));
  const auto refused = decode_convert(framed("1e02211d fe000000"));
  EXPECT_EQ(refused->error, (ConvertError{ConvertCode::kUnsupportedTcpOption, hex("1dfe")}));
  const auto versions = decode_convert(framed("1e020001 02000000"));
  EXPECT_EQ(versions->error, (ConvertError{ConvertCode::kUnsupportedVersion, hex("0102")}));
  EXPECT_EQ(encode(*supported), framed("15030000 04081e22 fe000000"));
  EXPECT_EQ(encode(*refused), framed("1e02211d fe000000"));
}

TEST(Convert, ACookieIsPaddedToWords) {
  ConvertMessage message;
  message.cookie = hex("0102030405");
  EXPECT_EQ(encode(message), framed("16030000 01020304 05000000"));
}

TEST(Convert, AnEchoIsCutToWhatFits) {
  Octets longest(kConvertMaxMessage, 0xaa);
  const auto octets = encode(with_error(ConvertCode::kMalformedMessage, longest));
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), kConvertMaxMessage);
  const auto read = decode_convert(*octets);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->error->value, Octets(kConvertMaxMessage - 8, 0xaa));
}

TEST(Convert, NoMessageIsLongerThanItsLengthFieldCanSay) {
  ConvertMessage message;
  message.cookie = Octets(kConvertMaxMessage - 8, 1);
  EXPECT_EQ(encode(message)->size(), kConvertMaxMessage);
  message.info = true;
  EXPECT_FALSE(encode(message));
  message.cookie = Octets(4000, 1);
  EXPECT_FALSE(encode(message));
  message.error = {ConvertCode::kMalformedMessage, hex("01012263")};
  EXPECT_FALSE(encode(message));
}

TEST(Convert, ErrorsOfCodesWithoutANameKeepTheirCode) {
  const auto message = decode_convert(framed("1e017f05"));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->error, (ConvertError{static_cast<ConvertCode>(127), {5}}));
}

}  // namespace
}  // namespace anabranch::wire
