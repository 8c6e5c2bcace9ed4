// SPDX-License-Identifier: MIT
// The addresses that a CPE's uplinks have now.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::proxy {

struct UplinkAddress {
  std::string uplink;  ///< its interface
  IpAddress address;
};

class UplinkAddresses {
 public:
  using Time = std::chrono::steady_clock::time_point;

  UplinkAddresses() = default;

  /// One address of each interface that can carry packets and has one of that family, in their
  /// order; the kernel is asked once a second at most.
  std::vector<UplinkAddress> of(const std::vector<std::string>& interfaces, Family family,
                                Time now);

 private:
  Result<void> look();

  std::optional<kernel::Rtnetlink> netlink_;
  std::vector<UplinkAddress> known_;  ///< of all interfaces
  std::optional<Time> looked_;
};

}  // namespace anabranch::proxy
