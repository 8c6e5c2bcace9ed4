// SPDX-License-Identifier: MIT
#include "base/address_scope.hpp"

namespace anabranch {

bool is_loopback(const IpAddress& address) {
  static const auto kLoopback6 = IpAddress::parse("::1").value();
  return address.is_v4() ? address.octets()[0] == 127 : address == kLoopback6;
}

bool is_link_local(const IpAddress& address) {
  const auto octets = address.octets();
  return address.is_v4() ? octets[0] == 169 && octets[1] == 254
                         : octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

bool is_global(const IpAddress& address) {
  if (address.is_unspecified() || is_loopback(address) || is_link_local(address)) return false;
  const auto octets = address.octets();
  if (!address.is_v4()) return octets[0] != 0xff;
  constexpr std::uint32_t kBroadcast = 0xffffffff;
  const bool multicast = (octets[0] & 0xf0) == 0xe0;
  return octets[0] != 0 && !multicast && address.to_v4() != kBroadcast;
}

}  // namespace anabranch
