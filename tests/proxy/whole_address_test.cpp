// SPDX-License-Identifier: MIT
#include "proxy/whole_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/converter_settings.hpp"
#include "proxy/cpe_settings.hpp"

namespace anabranch::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

TEST(WholeAddress, IsLedToOneListenerButForPortsOfOthers) {
  const std::vector<WholeAddress> all{{.address = address("198.51.100.10"),
                                       .led_to = 4000,
                                       .except = {443, 5124},
                                       .from = {address("198.51.100.9"), address("2001:db8::9")}},
                                      {.address = address("2001:db8::10"), .led_to = 4001}};
  EXPECT_EQ(whole_address_lines(all, 7),
            "    ip daddr 198.51.100.10 ip saddr { 198.51.100.9 } tcp dport != { 443, 5124 } "
            "tcp flags & (fin | syn | rst | ack) == syn "
            "tproxy ip to 127.0.0.1:4000 meta mark set 7 accept\n"
            "    ip6 daddr 2001:db8::10 tcp flags & (fin | syn | rst | ack) == syn "
            "tproxy ip6 to [::1]:4001 meta mark set 7 accept\n");
}

TEST(WholeAddress, WithoutACallerOfItsFamilyIsOpenToNobody) {
  const std::vector<WholeAddress> one{
      {.address = address("2001:db8::10"), .led_to = 4000, .from = {address("198.51.100.9")}}};
  EXPECT_EQ(whole_address_lines(one, 7), "");
}

TEST(WholeAddress, LeavesPortsToWhoListensThereOrEverywhere) {
  const std::vector<Endpoint> listening{
      Endpoint::parse("198.51.100.10:8443").value(), Endpoint::parse("0.0.0.0:5124").value(),
      Endpoint::parse("[::]:5124").value(),          Endpoint::parse("198.51.100.9:80").value(),
      Endpoint::parse("198.51.100.10:0").value(),
  };
  EXPECT_THAT(ports_at(address("198.51.100.10"), listening), ElementsAre(5124, 8443));
}

std::string converter_complaint(const std::string& listen, const std::string& client) {
  const auto settings = parse_converter_settings(
      "[clients]\nallow = [\"192.0.2.0/24\"]\n[[incoming]]\nname = \"a\"\nlisten = \"" + listen +
          "\"\nclient = \"" + client + "\"\n",
      "c.toml");
  return settings ? "" : settings.error().text();
}

TEST(WholeAddress, IsAnAddressWithoutAPortAtBothEnds) {
  EXPECT_EQ(converter_complaint("198.51.100.10", "192.0.2.7"), "");
  EXPECT_EQ(converter_complaint("198.51.100.10:443", "192.0.2.7:8443"), "");
  EXPECT_EQ(converter_complaint("2001:db8::10", "192.0.2.7"), "");
  EXPECT_THAT(converter_complaint("198.51.100.10", "192.0.2.7:443"),
              HasSubstr("c.toml:6:10: a whole address leads to a whole address, and a port to a "
                        "port\n  hint: write both with a port, or both without"));
  EXPECT_THAT(converter_complaint("0.0.0.0", "192.0.2.7"), HasSubstr("c.toml:5:10: '0.0.0.0' is"));
  EXPECT_THAT(converter_complaint("www", "192.0.2.7"), HasSubstr("c.toml:5:10: 'www' is not"));
}

}  // namespace
}  // namespace anabranch::proxy
