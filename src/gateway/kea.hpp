// SPDX-License-Identifier: MIT
// A Kea DHCPv4 or DHCPv6 server as our child: started when the LAN is ready, told of every change,
// restarted when it dies (1 s, 2 s, ... 60 s), its log lines among ours.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/ip.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "gateway/kea_control.hpp"
#include "gateway/kea_log.hpp"

namespace anabranch::gateway {

class Kea {
 public:
  enum class State {
    kStopped,  ///< not wanted
    kStarting,
    kRunning,  ///< answers clients
    kFailed,   ///< waits before the next try
  };

  /// `changed` is called when state() has changed, `said` with every line of the server's log.
  Kea(Loop& loop, Family family, std::function<void()> changed,
      std::function<void(const KeaLine&)> said);
  ~Kea();

  /// kNotPermitted when there is no kea-dhcp4, or kea-dhcp6, on this machine.
  static Result<void> installed(Family family);

  /// From now on a server with this configuration should run. Given to a running one through its
  /// control socket; one that Kea refuses is logged and the old one stays.
  void want(std::string config);
  /// Starts the running server anew, for a LAN interface that is another one now.
  void restart();
  /// Ends the server (SIGTERM, then SIGKILL).
  void stop();

  /// A command to the running server (Kea's "Management API"); without one the answer is nothing.
  /// What was asked of a server that ends is never answered.
  void ask(std::string_view command, std::string_view arguments, KeaControl::Answer answer);

  State state() const;
  int pid() const;  ///< 0 when there is none
  /// Starts after the first one, for whatever reason.
  unsigned long restarts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Where our server for that family keeps its leases, unless they are in a database.
std::filesystem::path kea_lease_file(Family family);

std::string_view kea_state_name(Kea::State state);

}  // namespace anabranch::gateway
