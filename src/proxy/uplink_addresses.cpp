// SPDX-License-Identifier: MIT
#include "proxy/uplink_addresses.hpp"

#include <algorithm>

#include "base/address_scope.hpp"
#include "base/log.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::chrono::seconds kGoodFor{1};

}  // namespace

std::vector<UplinkAddress> UplinkAddresses::of(const std::vector<std::string>& interfaces,
                                               Family family, Time now) {
  std::vector<UplinkAddress> out;
  if (interfaces.empty()) return out;
  if (!looked_ || now - *looked_ >= kGoodFor) {
    looked_ = now;
    if (const auto done = look(); !done) log::debug("uplinks: {}", done.error().text());
  }
  for (const auto& name : interfaces) {
    const auto found = std::ranges::find_if(known_, [&](const UplinkAddress& one) {
      return one.uplink == name && one.address.family() == family;
    });
    if (found != known_.end()) out.push_back(*found);
  }
  return out;
}

Result<void> UplinkAddresses::look() {
  known_.clear();
  if (!netlink_) {
    auto opened = kernel::Rtnetlink::open();
    if (!opened) return std::unexpected(opened.error());
    netlink_ = *std::move(opened);
  }
  const auto links = netlink_->links();
  if (!links) return std::unexpected(links.error());
  const auto addresses = netlink_->addresses();
  if (!addresses) return std::unexpected(addresses.error());
  for (const auto& one : *addresses) {
    if (one.tentative || one.deprecated || !is_global(one.prefix.address())) continue;
    const auto link = std::ranges::find(*links, one.ifindex, &kernel::LinkInfo::index);
    if (link != links->end() && link->operational())
      known_.push_back({link->name, one.prefix.address()});
  }
  return {};
}

}  // namespace anabranch::proxy
