// SPDX-License-Identifier: MIT
#include "wire/proxy_protocol.hpp"

#include <array>

namespace anabranch::wire {
namespace {

constexpr std::array<std::uint8_t, 12> kSignature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                  0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::uint8_t kVersion2Proxy = 0x21;
constexpr std::uint8_t kTcpOverIpv4 = 0x11;
constexpr std::uint8_t kTcpOverIpv6 = 0x21;
constexpr std::uint8_t kIpv4Length = 2 * 4 + 2 * 2;
constexpr std::uint8_t kIpv6Length = 2 * 16 + 2 * 2;

void append_mapped(std::vector<std::uint8_t>& out, const IpAddress& address) {
  if (address.is_v4()) {
    out.insert(out.end(), 10, 0);
    out.insert(out.end(), 2, 0xff);
  }
  out.insert(out.end(), address.octets().begin(), address.octets().end());
}

void append(std::vector<std::uint8_t>& out, std::uint16_t port) {
  out.push_back(static_cast<std::uint8_t>(port >> 8));
  out.push_back(static_cast<std::uint8_t>(port));
}

}  // namespace

std::vector<std::uint8_t> encode_proxy_protocol(const Endpoint& source,
                                                const Endpoint& destination) {
  const auto from = source.address.unmapped();
  const auto to = destination.address.unmapped();
  const bool v4 = from.is_v4() && to.is_v4();
  std::vector<std::uint8_t> out(kSignature.begin(), kSignature.end());
  out.push_back(kVersion2Proxy);
  out.push_back(v4 ? kTcpOverIpv4 : kTcpOverIpv6);
  append(out, v4 ? kIpv4Length : kIpv6Length);
  for (const auto& address : {from, to}) {
    if (v4)
      out.insert(out.end(), address.octets().begin(), address.octets().end());
    else
      append_mapped(out, address);
  }
  append(out, source.port);
  append(out, destination.port);
  return out;
}

}  // namespace anabranch::wire
