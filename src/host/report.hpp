// SPDX-License-Identifier: MIT
// What `anabranch host show` and the lab see.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "host/discovery.hpp"

namespace anabranch::host {

enum class PathState { kUp, kAcquiring, kDown, kNoOffer };

struct ReportedPath {
  unsigned index = 0;
  std::optional<IpAddress> address;
  std::string interface;
  PathState state = PathState::kAcquiring;
  std::optional<IpAddress> router;
  std::optional<seconds> lease;  ///< what is left; nothing for the interface's own address
};

struct Report {
  std::string interface;
  Discovery::Support support = Discovery::Support::kUnknown;
  unsigned count = 0;
  std::vector<ReportedPath> paths;
};

/// {"interface","support":"yes"|"no"|"unknown","count","paths":[{"index","family","address","interface",
/// "state":"up"|"acquiring"|"down"|"no-offer","router","lease_s"}]}; what is not known is null.
std::string report_json(const Report& report);
/// The same in one sentence, for `systemctl status`.
std::string report_sentence(const Report& report);

}  // namespace anabranch::host
