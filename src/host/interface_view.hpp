// SPDX-License-Identifier: MIT
// The physical interface as somebody else manages it: its link and its own address. Ours on it, if
// there are any, are not part of the view.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::host {

struct InterfaceView {
  std::optional<kernel::LinkInfo> link;  ///< nothing: it has gone
  /// Its first IPv4 address that somebody assigned, with the length of its network.
  std::optional<IpPrefix> address;
};

/// Pure: the first of `addresses` on `ifindex` that is neither link-local nor one of ours.
std::optional<IpPrefix> own_address(std::span<const kernel::Address> addresses, unsigned ifindex);

/// Errors: the kernel does not answer.
Result<InterfaceView> look_at(kernel::Rtnetlink& netlink, const std::string& interface);

}  // namespace anabranch::host
