// SPDX-License-Identifier: MIT
// What `anabranch gateway show` tells, as the JSON of the status socket.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/units.hpp"
#include "gateway/advertiser.hpp"
#include "gateway/plan.hpp"
#include "gateway/pool_use.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

struct DhcpReport {
  std::string_view state;
  int pid = 0;
  PoolUses pools = {};  ///< those that Kea has counted
  std::set<MacAddress> held_back = {};
  unsigned long refused = 0;  ///< times that a client got no address
  // The same of DHCPv6.
  std::string_view state6 = {};
  int pid6 = 0;
  PoolUses pools6 = {};
  PoolUses prefixes6 = {};  ///< delegated
  unsigned long refused6 = 0;
};

struct AdvertiserReport {
  bool running = false;
  AdvertiserCounts counts = {};
  std::map<unsigned, ToldPath> told = {};
};

/// `ages` are the times since each uplink came into its state, by its name.
std::string status_json(const Settings& settings, const Plan& plan,
                        const std::map<std::string, nanoseconds>& ages, const Observed& observed,
                        const DhcpReport& dhcp, const AdvertiserReport& advertiser,
                        std::string_view config_file);

}  // namespace anabranch::gateway
