// SPDX-License-Identifier: MIT
// An interface loses its address and, as the kernel has it, every route over it; then somebody puts
// all of it back, as a DHCP client or an administrator would.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/rtnetlink.hpp"
#include "lab/network.hpp"

namespace anabranch::lab {

struct TakenAddress {
  std::vector<kernel::Address> addresses;
  std::vector<kernel::Route> routes;  ///< those that the kernel does not make itself
};

Result<TakenAddress> take_address(const Network& network, std::string_view node,
                                  const std::string& interface);
Result<void> put_back(const Network& network, std::string_view node, const TakenAddress& taken);

}  // namespace anabranch::lab
