// SPDX-License-Identifier: MIT
// Follows what roles of this machine say of themselves, as they come and go: their sockets appear
// and disappear below the runtime directory. Nobody is waited for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.hpp"
#include "base/result.hpp"

namespace anabranch::status {

class RoleFollowers {
 public:
  struct Callbacks {
    /// A state of the role, as JSON text: one when it begins to be followed, one after each change.
    /// An error ends it as the end of the role does.
    std::function<Result<void>(const std::string& role, std::string_view state)> said;
    /// It has ended, or is not understood. One that is started anew is followed anew.
    std::function<void(const std::string& role)> gone;
  };

  /// Those whose name begins with `prefix`, such as "host-". The callbacks come from the loop only,
  /// and must not destroy what calls them.
  /// A directory that cannot be watched is a warning: roles that start later are not noticed then.
  RoleFollowers(Loop& loop, std::string prefix, Callbacks callbacks);
  RoleFollowers(RoleFollowers&&) noexcept;
  RoleFollowers& operator=(RoleFollowers&&) noexcept;
  ~RoleFollowers();

  /// Names of those that are followed now.
  std::vector<std::string> roles() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::status
