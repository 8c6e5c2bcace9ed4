// SPDX-License-Identifier: MIT
#include "proxy/whole_address.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace anabranch::proxy {

std::string whole_address_lines(std::span<const WholeAddress> addresses, std::uint32_t mark) {
  std::string out;
  for (const auto& one : addresses) {
    const bool v4 = one.address.is_v4();
    const auto* family = v4 ? "ip" : "ip6";
    std::vector<std::string> from;
    for (const auto& address : one.from)
      if (address.family() == one.address.family()) from.push_back(address.text());
    // Nobody of this family connects there.
    if (from.empty() && !one.from.empty()) continue;
    out += fmt::format("    {} daddr {} ", family, one.address.text());
    if (!from.empty()) out += fmt::format("{} saddr {{ {} }} ", family, fmt::join(from, ", "));
    if (!one.except.empty())
      out += fmt::format("tcp dport != {{ {} }} ", fmt::join(one.except, ", "));
    out += fmt::format(
        "tcp flags & (fin | syn | rst | ack) == syn tproxy {} "
        "to {}:{} meta mark set {} accept\n",
        family, v4 ? "127.0.0.1" : "[::1]", one.led_to, mark);
  }
  return out;
}

std::vector<std::uint16_t> ports_at(const IpAddress& address, std::span<const Endpoint> listening) {
  std::vector<std::uint16_t> out;
  for (const auto& endpoint : listening)
    if (endpoint.port != 0 && endpoint.address.family() == address.family() &&
        (endpoint.address == address || endpoint.address.is_unspecified()))
      out.push_back(endpoint.port);
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace anabranch::proxy
