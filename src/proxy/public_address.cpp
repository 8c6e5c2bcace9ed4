// SPDX-License-Identifier: MIT
#include "proxy/public_address.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace anabranch::proxy {
namespace {

IpPrefix prefix(std::string_view text) {
  return IpPrefix::parse(text).value();
}

/// The IPv4 address that an IPv6 address stands for.
std::optional<IpAddress> embedded(const IpAddress& address) {
  static const IpPrefix kTranslated = prefix("64:ff9b::/96");
  static const IpPrefix k6to4 = prefix("2002::/16");
  if (kTranslated.contains(address)) return IpAddress::v4(address.octets().subspan<12, 4>());
  if (k6to4.contains(address)) return IpAddress::v4(address.octets().subspan<2, 4>());
  return std::nullopt;
}

}  // namespace

std::span<const IpPrefix> not_public() {
  static const std::array kAll{
      prefix("0.0.0.0/8"),      prefix("10.0.0.0/8"),     prefix("100.64.0.0/10"),
      prefix("127.0.0.0/8"),    prefix("169.254.0.0/16"), prefix("172.16.0.0/12"),
      prefix("192.168.0.0/16"), prefix("224.0.0.0/3"),    prefix("::/127"),
      prefix("64:ff9b:1::/48"), prefix("fc00::/7"),       prefix("fe80::/10"),
      prefix("ff00::/8")};
  return kAll;
}

bool is_public(const IpAddress& address) {
  const auto bare = address.unmapped();
  if (const auto inner = embedded(bare)) return is_public(*inner);
  return std::ranges::none_of(not_public(),
                              [&](const IpPrefix& one) { return one.contains(bare); });
}

}  // namespace anabranch::proxy
