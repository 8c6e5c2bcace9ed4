// SPDX-License-Identifier: MIT
// The hands of the gateway: looks at the machine and makes a plan come true on it. What it has made
// it finds again by the registry's numbers and two small files in the runtime directory (the
// sysctls as they were, the LAN's name), so that a process that was killed can be succeeded by
// another.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "gateway/plan.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::gateway {

class Machine {
 public:
  static Result<Machine> open();

  Result<Observed> observe();
  /// Applies the plan and returns what had to be changed, as "2 routes set"; empty for nothing.
  Result<std::string> apply(const Plan& plan, const std::string& lan);
  /// Forgets that our translation table is there, when it has vanished. True when it had.
  bool translation_lost();
  /// Removes everything of ours: as if the gateway had never run.
  Result<void> clean(const std::string& lan);

 private:
  explicit Machine(kernel::Rtnetlink netlink);
  Result<void> apply_translation(const Translation& wanted);
  kernel::Scope scope_with(const std::string& lan,
                           const std::vector<kernel::LinkInfo>& links) const;

  kernel::Rtnetlink netlink_;
  kernel::SavedSysctls sysctls_;
  std::set<std::string> lans_;              ///< every LAN since the last clean()
  std::optional<Translation> translation_;  ///< as applied; nothing: not known yet
};

}  // namespace anabranch::gateway
