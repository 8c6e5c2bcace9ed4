// SPDX-License-Identifier: MIT
// Where a CPE's converters come from: its file, and what host roles on this machine were told by
// DHCP (wire/converter_addresses.hpp), as they come and go.
//
// Those of the file come first. Those of DHCP have weight 0: the network names them in the order of
// its preference, so that each is used while none before it can be reached, and none while one of
// the file's can.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "proxy/cpe_settings.hpp"
#include "status/role_followers.hpp"

namespace anabranch::proxy {

/// What one host role says.
struct HostSays {
  std::string interface;
  /// The best first. Nothing: it does not know its network yet, and what it said before holds.
  std::optional<std::vector<Endpoint>> converters;
};

/// Of the role's status as JSON. An address that no converter can have is an error, as is what is
/// no status of a host.
Result<HostSays> host_says(std::string_view json);

/// What of `entries` is the file's, then what was told and is not among them.
std::vector<ConverterEntry> with_told(
    std::vector<ConverterEntry> entries,
    const std::map<std::string, std::vector<Endpoint>>& told_by_interface);

class DhcpConverters {
 public:
  /// `changed` comes from the loop: completed() gives another answer from then on. They must not
  /// be destroyed in it.
  DhcpConverters(Loop& loop, std::function<void()> changed)
      : loop_(loop), changed_(std::move(changed)) {}

  /// Follows host roles from now on, or no longer.
  void follow(bool wanted);
  /// `settings` with the converters that are known now beside those of the file, if they want them.
  CpeSettings completed(CpeSettings settings) const;
  /// Interfaces whose host role is followed now.
  std::vector<std::string> hosts() const;

 private:
  Result<void> said(std::string_view state);

  Loop& loop_;
  std::function<void()> changed_;
  /// A host that ends takes nothing with it: its paths stay, and so do its converters, until it is
  /// there again and says otherwise.
  std::map<std::string, std::vector<Endpoint>> told_;
  std::optional<status::RoleFollowers> followers_;
};

}  // namespace anabranch::proxy
