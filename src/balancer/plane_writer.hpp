// SPDX-License-Identifier: MIT
// Makes the data plane's maps hold what they are to hold, while packets go through it. Only what
// differs is written, in an order in which no packet meets half of a change.
#pragma once

#include "balancer/plan.hpp"
#include "base/result.hpp"
#include "kernel/balancer_plane.hpp"

namespace anabranch::balancer {

class PlaneWriter {
 public:
  /// `plane` outlives it.
  explicit PlaneWriter(kernel::BalancerPlane& plane) : plane_(plane) {}

  /// What an earlier process has left; its services' numbers.
  Result<ServiceNumbers> take_over();
  Result<void> apply(const PlaneContents& wanted);
  /// Rings that were put into the kernel.
  std::uint64_t rings_written() const { return rings_written_; }

 private:
  Result<void> write_servers(const PlaneContents& wanted, bool leaving);
  Result<void> write_rings(const PlaneContents& wanted);

  kernel::BalancerPlane& plane_;
  PlaneContents actual_;
  bool servers_known_ = false;  ///< false: any may be there
  std::uint64_t rings_written_ = 0;
};

}  // namespace anabranch::balancer
