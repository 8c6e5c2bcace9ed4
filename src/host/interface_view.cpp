// SPDX-License-Identifier: MIT
#include "host/interface_view.hpp"

#include <algorithm>

#include "host/plan.hpp"

namespace anabranch::host {
namespace {

/// 169.254/16: no DHCP server gave it.
const IpPrefix kLinkLocal(IpAddress::v4(0xa9fe0000), 16);

}  // namespace

std::optional<IpPrefix> own_address(std::span<const kernel::Address> addresses, unsigned ifindex) {
  const auto ours = scope_of(ifindex, {});
  for (const auto& address : addresses)
    if (address.ifindex == ifindex && address.prefix.family() == Family::kIpv4 &&
        !kLinkLocal.contains(address.prefix.address()) && !ours.owns(address))
      return address.prefix;
  return std::nullopt;
}

Result<InterfaceView> look_at(kernel::Rtnetlink& netlink, const std::string& interface) {
  const auto links = netlink.links();
  if (!links) return std::unexpected(links.error());
  const auto addresses = netlink.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  InterfaceView out;
  const auto found = std::ranges::find(*links, interface, &kernel::LinkInfo::name);
  if (found == links->end()) return out;
  out.link = *found;
  out.address = own_address(*addresses, found->index);
  return out;
}

}  // namespace anabranch::host
