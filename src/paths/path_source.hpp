// SPDX-License-Identifier: MIT
// Where paths come from: the addresses of this namespace as the kernel tells them, each with the
// default route that its packets take, and what a `host` role on this machine says of its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "kernel/rtnetlink.hpp"
#include "paths/model.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

/// What one `host` role says.
struct HostReport {
  std::set<IpAddress> serving;    ///< paths that are up or coming up
  std::set<IpAddress> withdrawn;  ///< down or withdrawn by the network, or told of no more
  /// Of each address, what it shares with the path's address of the other family.
  std::map<IpAddress, std::string> groups;
  bool operator==(const HostReport&) const = default;
};

/// The report that follows `before`, from the role's status as JSON. An address that was told of
/// and is missing now is withdrawn until it is told of again. Not JSON, or not of a host: an error.
Result<HostReport> next_host_report(const HostReport& before, std::string_view json);

/// What is seen of the namespace at one moment.
struct NetworkView {
  std::vector<kernel::LinkInfo> links;
  std::vector<kernel::Address> addresses;
  /// For each address the default route that its packets take out of its own interface.
  std::map<IpAddress, kernel::Route> default_routes;
  /// For each address without such a route where its interface leads all the same.
  std::map<IpAddress, std::vector<IpPrefix>> destinations = {};
};

/// Pure. One path for each global unicast address that is neither tentative nor deprecated, ordered
/// by address. One that a host role serves may be deprecated: that keeps it from being a source
/// that is chosen for programs. Whether an interface is allowed is decided by its name and the
/// settings' patterns.
std::vector<Path> paths_from(const NetworkView& view, const std::vector<HostReport>& hosts,
                             const Settings& settings);

class PathSource {
 public:
  using Changed = std::function<void(std::vector<Path>)>;

  /// Reads the paths once and follows them in the calling thread's namespace. `changed` is called
  /// from the loop, only when they differ from the last ones.
  static Result<PathSource> open(Loop& loop, const Settings& settings, Changed changed);
  PathSource(PathSource&&) noexcept;
  PathSource& operator=(PathSource&&) noexcept;
  ~PathSource();

  const std::vector<Path>& now() const;
  /// Other patterns, after a reload; calls `changed` when that changes the paths.
  void configure(const Settings& settings);

 private:
  struct Impl;
  explicit PathSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::paths
