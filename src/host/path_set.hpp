// SPDX-License-Identifier: MIT
// The further paths of one physical interface: those at work, and the leases of an earlier process
// that wait for their path to start.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/loop.hpp"
#include "host/path.hpp"
#include "host/plan.hpp"

namespace anabranch::host {

class PathSet {
 public:
  struct Identity {
    MacAddress parent;  ///< of the physical interface
    std::vector<std::uint8_t> duid;
    std::uint8_t ext_route_code = 0;
    std::function<std::uint32_t()> random;
    /// Whether this host has an address, beside those of the paths: then no path may have it.
    std::function<bool(const IpAddress&)> own_address;
    /// Whether an Ethernet address is one of this host's.
    std::function<bool(const MacAddress&)> own_mac;
  };

  PathSet(Loop& loop, Path::Changed changed);

  /// Leases that are in place, from an earlier process.
  void adopt(std::vector<Lease> leases) { adopted_ = std::move(leases); }
  /// Leases from before the machine was started: asked for again when their path starts.
  void remember(const std::vector<Lease>& leases);
  /// What to remember now, if that is not what it was at the last call.
  std::optional<std::vector<Lease>> changed_memory();
  /// Starts path `index` on `macvlan`, which may be the physical interface itself, from its adopted
  /// or remembered lease if there is one. Nothing happens when it runs there already; one that ran
  /// elsewhere moves with its lease.
  Result<void> start(const Identity& identity, unsigned index, const kernel::LinkInfo& macvlan,
                     bool link_up, MonotonicTime now);
  void keep_only(std::span<const unsigned> indices);
  void stop_all() { paths_.clear(); }
  void forget_adopted() { adopted_.clear(); }

  void link(bool up, MonotonicTime now);
  /// See DhcpClient::slept(). Times in files are to be written anew, even after no sleep.
  void slept(MonotonicClock::duration time, MonotonicTime now);
  void timers(MonotonicTime now);
  MonotonicTime next_timer() const;
  /// The addresses of the leases are on their macvlans.
  void addresses_are_set();

  bool empty() const { return paths_.empty(); }
  std::size_t size() const { return paths_.size(); }
  std::vector<PathProgress> progress() const;
  /// Of running paths and of adopted ones that have not started.
  std::vector<Lease> leases() const;
  std::vector<PathFacts> leased() const;
  bool has_macvlan(unsigned ifindex) const;
  /// The number of the interface path `index` runs on; nothing when it does not run.
  std::optional<unsigned> macvlan_of(unsigned index) const;

  auto begin() const { return paths_.begin(); }
  auto end() const { return paths_.end(); }

 private:
  std::optional<Lease> take_lease(unsigned index);
  bool claims(const IpAddress& address, unsigned but_index) const;
  bool has_mac(const MacAddress& mac) const;
  void note(const Path& path, DhcpClient::Change change);

  Loop& loop_;
  Path::Changed changed_;
  std::map<unsigned, std::unique_ptr<Path>> paths_;
  std::vector<Lease> adopted_;
  std::map<unsigned, Lease> memory_;
  bool memory_changed_ = false;
};

}  // namespace anabranch::host
