// SPDX-License-Identifier: MIT
#include "wire/proxy_protocol.hpp"

#include <gtest/gtest.h>

#include "support/hex.hpp"
#include "support/proxy_protocol_reader.hpp"

namespace anabranch::wire {
namespace {

using test::hex;
using test::read_proxy_protocol;

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

TEST(ProxyProtocol, SaysWhoAsksAndWhere) {
  EXPECT_EQ(encode_proxy_protocol(endpoint("192.0.2.1:56324"), endpoint("198.51.100.2:443")),
            hex("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336402 dc04 01bb"));
  EXPECT_EQ(encode_proxy_protocol(endpoint("[2001:db8::1]:1024"), endpoint("[2001:db8::2]:80")),
            hex("0d0a0d0a000d0a515549540a 21 21 0024 20010db8000000000000000000000001"
                "20010db8000000000000000000000002 0400 0050"));
}

TEST(ProxyProtocol, MappedAddressesAreIpv4) {
  EXPECT_EQ(encode_proxy_protocol(endpoint("[::ffff:192.0.2.1]:1"), endpoint("192.0.2.2:2")),
            encode_proxy_protocol(endpoint("192.0.2.1:1"), endpoint("192.0.2.2:2")));
}

TEST(ProxyProtocol, TwoFamiliesAreWrittenAsIpv6) {
  const auto octets = encode_proxy_protocol(endpoint("192.0.2.1:1"), endpoint("[2001:db8::2]:80"));
  EXPECT_EQ(octets, hex("0d0a0d0a000d0a515549540a 21 21 0024 00000000000000000000ffffc0000201"
                        "20010db8000000000000000000000002 0001 0050"));
}

TEST(ProxyProtocol, IsReadByAServerBeforeTheData) {
  for (const auto& [source, destination] :
       {std::pair{endpoint("192.0.2.1:65535"), endpoint("198.51.100.2:1")},
        std::pair{endpoint("[2001:db8::1]:65535"), endpoint("[2001:db8::2]:1")}}) {
    auto octets = encode_proxy_protocol(source, destination);
    const auto size = octets.size();
    for (std::size_t there = 0; there < size; ++there)
      EXPECT_FALSE(read_proxy_protocol(std::span(octets).first(there)));
    octets.push_back('x');
    EXPECT_EQ(read_proxy_protocol(octets), (test::ProxiedConnection{source, destination, size}));
  }
}

}  // namespace
}  // namespace anabranch::wire
