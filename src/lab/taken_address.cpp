// SPDX-License-Identifier: MIT
#include "lab/taken_address.hpp"

#include <algorithm>

namespace anabranch::lab {
namespace {

constexpr std::uint8_t kKernelProtocol = 2;  ///< RTPROT_KERNEL

}  // namespace

Result<TakenAddress> take_address(const Network& network, std::string_view node,
                                  const std::string& interface) {
  TakenAddress out;
  ANABRANCH_TRY(network.inside(node, [&]() -> Result<void> {
    auto netlink = kernel::Rtnetlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    const auto link = netlink->link(interface);
    if (!link) return std::unexpected(link.error());
    auto addresses = netlink->addresses();
    if (!addresses) return std::unexpected(addresses.error());
    auto routes = netlink->all_routes();
    if (!routes) return std::unexpected(routes.error());
    for (const auto& address : *addresses)
      if (address.ifindex == link->index && address.prefix.address().is_v4())
        out.addresses.push_back(address);
    for (auto& route : *routes)
      if (route.ifindex == link->index && route.to.address().is_v4() &&
          route.protocol != kKernelProtocol) {
        // Which the kernel does not tell; the lab has it on every route.
        route.congestion = "cubic";
        out.routes.push_back(route);
      }
    for (const auto& address : out.addresses) ANABRANCH_TRY(netlink->remove(address));
    return {};
  }));
  // On-link routes first: routers must be reachable when the routes through them are added.
  std::ranges::stable_sort(out.routes, {}, [](const auto& route) { return route.via.has_value(); });
  return out;
}

Result<void> put_back(const Network& network, std::string_view node, const TakenAddress& taken) {
  return network.inside(node, [&]() -> Result<void> {
    auto netlink = kernel::Rtnetlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    for (const auto& address : taken.addresses) ANABRANCH_TRY(netlink->add(address));
    for (const auto& route : taken.routes) ANABRANCH_TRY(netlink->add(route));
    return {};
  });
}

}  // namespace anabranch::lab
