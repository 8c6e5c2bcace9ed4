// SPDX-License-Identifier: MIT
// How many leases one hardware address may have. Kea's own database is the truth; what is counted
// here from its log only tells when to ask it. Pure.
//
//   note()     a lease was given; true when its hardware address has too many and must be looked at
//   judge()    what Kea says of its leases: which to take back, and whether to hold it back
//
// One that is held back gets nothing new until it has fewer leases than the limit; it may renew.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"

namespace anabranch::gateway {

class LeaseLimit {
 public:
  /// More are let be: their number is part of Kea's configuration.
  static constexpr std::size_t kMostHeldBack = 128;
  /// Hardware addresses whose leases are counted at a time.
  static constexpr std::size_t kMostCounted = 65536;

  /// A new limit, 0 for none. Those over it are found as they renew.
  void set_most(unsigned most);

  /// True once for each hardware address that goes beyond the limit: it is held back from now on.
  bool note(const MacAddress& mac, const IpAddress& address, seconds lifetime, MonotonicTime now);

  struct Lease {
    IpAddress address;
    seconds age{0};   ///< since it was given or renewed
    seconds left{0};  ///< until it ends
  };
  struct Verdict {
    std::vector<IpAddress> take_back;
    std::size_t kept = 0;
    bool released = false;  ///< it is no longer held back
    seconds again{0};       ///< when to ask Kea again, while it is held back
  };
  /// `leases` are those of a hardware address that is held back. Those it had first stay.
  Verdict judge(const MacAddress& mac, std::vector<Lease> leases, MonotonicTime now);

  const std::set<MacAddress>& held_back() const { return held_back_; }

 private:
  struct Known {
    unsigned long order = 0;  ///< lower was given first
    MonotonicTime ends{};
  };
  struct Holder {
    std::map<IpAddress, Known> leases;  ///< at most one more than the limit
    MonotonicTime ends{};               ///< of the last of them
  };
  /// Forgets what has ended, when there is much of it.
  void sweep(MonotonicTime now);

  unsigned most_ = 0;
  unsigned long order_ = 0;
  std::map<MacAddress, Holder> holders_;
  std::set<MacAddress> held_back_;
  MonotonicTime next_sweep_{};
};

}  // namespace anabranch::gateway
