// SPDX-License-Identifier: MIT
#include "host/interface_view.hpp"

#include <algorithm>

#include "base/registry.hpp"
#include "host/plan.hpp"

namespace anabranch::host {
namespace {

/// 169.254/16: no DHCP server gave it.
const IpPrefix kLinkLocal(IpAddress::v4(0xa9fe0000), 16);

const IpPrefix kLinkLocalIpv6 = IpPrefix::parse("fe80::/10").value();

}  // namespace

std::optional<IpAddress> InterfaceView::link_local() const {
  for (const auto& own : own_ipv6)
    if (kLinkLocalIpv6.contains(own.prefix.address()) && !own.tentative)
      return own.prefix.address();
  return std::nullopt;
}

InterfaceView view_of(const kernel::LinkInfo& link, std::span<const kernel::Address> addresses) {
  const auto ours = scope_of(link.index, {});
  InterfaceView out;
  out.link = link;
  for (const auto& address : addresses) {
    if (address.prefix.family() != Family::kIpv6) continue;
    out.all_ipv6.push_back(address);
    if (address.protocol == registry::kRouteProtocol)
      out.our_ipv6.push_back(address);
    else if (address.ifindex == link.index)
      out.own_ipv6.push_back(address);
  }
  for (const auto& address : addresses) {
    if (address.ifindex != link.index || address.prefix.family() != Family::kIpv4 ||
        kLinkLocal.contains(address.prefix.address()))
      continue;
    if (!ours.owns(address)) {
      out.address = address.prefix;
      return out;
    }
    out.in_front.push_back(address);
  }
  out.in_front.clear();
  return out;
}

Result<InterfaceView> look_at(kernel::Rtnetlink& netlink, const std::string& interface) {
  const auto links = netlink.links();
  if (!links) return std::unexpected(links.error());
  const auto addresses = netlink.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  const auto found = std::ranges::find(*links, interface, &kernel::LinkInfo::name);
  if (found == links->end()) return InterfaceView{};
  auto out = view_of(*found, *addresses);
  for (const auto& link : *links) out.macs.insert(link.mac);
  for (const auto& address : *addresses)
    if (address.protocol != registry::kRouteProtocol)
      out.addresses.insert(address.prefix.address());
  return out;
}

}  // namespace anabranch::host
