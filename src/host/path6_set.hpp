// SPDX-License-Identifier: MIT
// The paths of one physical interface whose IPv6 address comes by DHCPv6, and the leases of an
// earlier process that wait for their path to start.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/loop.hpp"
#include "host/path6.hpp"

namespace anabranch::host {

class Path6Set {
 public:
  struct Identity {
    MacAddress parent;  ///< of the physical interface
    std::vector<std::uint8_t> duid;
    std::function<std::uint32_t()> random;
    /// Whether path `index` may have this address, as far as others than these paths have a say.
    std::function<bool(unsigned index, const IpAddress&)> acceptable;
  };

  Path6Set(Loop& loop, Path6::Changed changed) : loop_(loop), changed_(std::move(changed)) {}

  /// Leases that are in place, from an earlier process.
  void adopt(std::vector<Lease6> leases) { adopted_ = std::move(leases); }
  /// Starts path `index` on `link`, from its adopted lease if there is one. It waits until link()
  /// has an address for it. Nothing happens when it runs there already; one that ran elsewhere
  /// moves with its lease.
  void start(const Identity& identity, unsigned index, const kernel::LinkInfo& link,
             bool own_interface, MonotonicTime now);
  void keep_only(std::span<const unsigned> indices);
  void stop_all() { paths_.clear(); }
  void forget_adopted() { adopted_.clear(); }

  /// Whether the physical interface carries packets, and every address there is: what the paths
  /// can be spoken for from, and what has become of their leases' addresses. Returns the first
  /// error of Path6::link().
  Result<void> observe(bool up, std::span<const kernel::Address> addresses, MonotonicTime now);
  /// The kernel has taken the addresses with their interfaces.
  void addresses_are_gone();
  /// See Dhcp6Client::slept().
  void slept(MonotonicClock::duration time, MonotonicTime now);
  void timers(MonotonicTime now);
  MonotonicTime next_timer() const;

  /// Null when path `index` gets no address by DHCPv6.
  const Path6* find(unsigned index) const;
  /// Whether the address of its lease is known to be nobody else's.
  bool ready(unsigned index) const;
  /// Of running paths and of adopted ones that have not started.
  std::vector<Lease6> leases() const;

 private:
  struct Entry {
    std::unique_ptr<Path6> path;
    std::optional<IpAddress> ready;  ///< the address that is known to be free
  };
  std::optional<Lease6> take_lease(unsigned index);
  bool claims(const IpAddress& address, unsigned but_index) const;

  Loop& loop_;
  Path6::Changed changed_;
  std::map<unsigned, Entry> paths_;
  std::vector<Lease6> adopted_;
};

}  // namespace anabranch::host
