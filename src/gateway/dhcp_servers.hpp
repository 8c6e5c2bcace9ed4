// SPDX-License-Identifier: MIT
// The DHCP servers that are ours: a Kea for each family that is to be served, told of every change,
// and what they say of their leases.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "gateway/delegations.hpp"
#include "gateway/kea.hpp"
#include "gateway/lease_journal.hpp"
#include "gateway/lease_watch.hpp"
#include "gateway/plan.hpp"
#include "gateway/pool_meter.hpp"
#include "gateway/report.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

class DhcpServers {
 public:
  struct Callbacks {
    std::function<void()> changed;      ///< a server has started, failed or ended
    std::function<void()> counted;      ///< the use of pools is another
    std::function<void()> outdated;     ///< the servers should be told anew: tell()
    std::function<void()> redelegated;  ///< delegations() are others
  };

  DhcpServers(Loop& loop, Callbacks callbacks);

  /// kNotPermitted when a server is wanted that is not on this machine.
  static Result<void> installed(const Settings& settings);

  /// Starts, feeds or stops the servers. Paths of the indexes `withheld` give no new leases.
  void tell(const Settings& settings, const Plan& plan, const std::set<unsigned>& withheld);
  void stop();
  /// Reads who has which delegated prefix, from the first pass on where an earlier run has left
  /// leases, so that their routes stay.
  void follow_delegations(const Settings& settings);
  std::vector<Delegation> delegations() const { return delegations_.routes(); }

  /// Every server that is wanted answers clients.
  bool running(const Settings& settings) const;
  /// Asks the servers anew how full their pools are; report() has it a moment later.
  void refresh();
  DhcpReport report(const Settings& settings) const;
  /// Null where somebody else, or nobody, serves the family.
  const Kea* server(const Settings& settings, Family family) const;

 private:
  /// What a server was given last.
  struct Told {
    std::string config;
    unsigned ifindex = 0;  ///< of the LAN
  };
  static void tell(Kea& kea, Told& told, std::string config, unsigned ifindex);
  void hear6(const KeaLine& line);

  Loop& loop_;
  Callbacks callbacks_;
  Kea kea_;
  Kea kea6_;
  PoolMeter pools_;
  PoolMeter pools6_;
  LeaseWatch leases_;
  Told told_;
  Told told6_;
  Delegations delegations_;
  std::unique_ptr<LeaseJournal> journal6_;
  bool limit_lacking_ = false;  ///< and said
  unsigned long refused6_ = 0;
};

}  // namespace anabranch::gateway
