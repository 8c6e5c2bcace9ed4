// SPDX-License-Identifier: MIT
// The physical interface as somebody else manages it: its link and its own address. Ours on it, if
// there are any, are not part of the view.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::host {

struct InterfaceView {
  std::optional<kernel::LinkInfo> link;  ///< nothing: it has gone
  /// Its first IPv4 address that somebody assigned, with the length of its network.
  std::optional<IpPrefix> address;
  /// Addresses of ours that the kernel lists before it, because it was set anew after them. The
  /// first one listed is the source of packets that ask for none.
  std::vector<kernel::Address> in_front;
  std::vector<kernel::Address> own_ipv6;  ///< on it, ours not among them
  std::vector<kernel::Address> all_ipv6;  ///< of every interface here, anybody's
  std::vector<kernel::Address> our_ipv6;  ///< ours on it and on every other interface
  std::set<IpAddress> addresses;          ///< of every interface here, beside those of paths
  std::set<MacAddress> macs;              ///< of every interface here

  /// Its link-local IPv6 address, when it can be used.
  std::optional<IpAddress> link_local() const;
};

/// Pure: out of all the addresses of the namespace.
InterfaceView view_of(const kernel::LinkInfo& link, std::span<const kernel::Address> addresses);

/// Errors: the kernel does not answer.
Result<InterfaceView> look_at(kernel::Rtnetlink& netlink, const std::string& interface);

}  // namespace anabranch::host
