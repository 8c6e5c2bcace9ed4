// SPDX-License-Identifier: MIT
// What hosts were told of a path that goes on, and that is true no longer: the operator has taken a
// prefix, a resolver or a route out of the file, or the path's domain has another name now. If it
// were only left out from now on, hosts would hold to it for as long as it was promised. So it is
// told with lifetime 0 for that long (RFC 8106 section 5.1, RFC 4191 section 2.3, RFC 9096 section
// 3.5), and what stays is not torn. Pure.
#pragma once

#include <vector>

#include "base/units.hpp"
#include "gateway/advertisement.hpp"

namespace anabranch::gateway {

class Leftovers {
 public:
  /// Of one path and one place, inside of its domain or outside; older ones are forgotten.
  static constexpr std::size_t kMost = 8;

  /// From `now` on `next` is told in place of `old`, of the same path.
  void note(const PathAdvertisement& old, const PathAdvertisement& next, MonotonicTime now);
  /// There is no such path any more.
  void forget(unsigned index);

  /// `advertisement` with what is left over of its path.
  PathAdvertisement with(PathAdvertisement advertisement, MonotonicTime now) const;
  /// The same with a domain in it that the path had before, withdrawn; one for each such domain.
  std::vector<PathAdvertisement> farewells(const PathAdvertisement& advertisement,
                                           MonotonicTime now) const;

 private:
  struct Option {
    unsigned index = 0;
    bool inside = false;
    wire::RouterOptions option;  ///< one, with lifetime 0
    MonotonicTime until;
  };
  struct Domain {
    unsigned index = 0;
    wire::ProvisioningDomain domain;
    MonotonicTime until;
  };

  void note(unsigned index, bool inside, const wire::RouterOptions& old,
            const wire::RouterOptions& next, MonotonicTime now);
  void add(Option option);
  void put_into(wire::RouterOptions& options, unsigned index, bool inside, MonotonicTime now) const;

  std::vector<Option> options_;  ///< oldest first
  std::vector<Domain> domains_;
};

}  // namespace anabranch::gateway
