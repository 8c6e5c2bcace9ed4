// SPDX-License-Identifier: MIT
// What `anabranch host show` and the lab see.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "host/attachment.hpp"
#include "host/discovery.hpp"
#include "host/path.hpp"

namespace anabranch::host {

enum class PathState { kUp, kAcquiring, kDown, kNoOffer };

struct ReportedPath {
  unsigned index = 0;
  std::optional<IpAddress> address;
  std::string interface;
  PathState state = PathState::kAcquiring;
  std::optional<IpAddress> router;
  std::optional<seconds> lease;  ///< what is left; nothing for the interface's own address
  std::uint64_t ignored = 0;     ///< packets for its DHCP client that were of no use
  std::uint64_t conflicts = 0;   ///< times that another station claimed its address
};

struct Report {
  std::string interface;
  Attachment attachment = Attachment::kVirtual;
  AttachmentChoice::Reason reason = AttachmentChoice::Reason::kDefault;
  Discovery::Support support = Discovery::Support::kUnknown;
  unsigned count = 0;
  std::vector<ReportedPath> paths;
};

/// A further path at `now`, on an interface that can carry packets or cannot.
ReportedPath report_path(const Path& path, bool operational, MonotonicTime now);

/// {"interface","interfaces":"virtual"|"shared","interfaces_reason":"default"|"configured"|
/// "wireless"|"learned"|"refused","support":"yes"|"no"|"unknown","count","paths":[{"index","family","address","interface",
/// "state":"up"|"acquiring"|"down"|"no-offer","router","lease_s"}]}; what is not known is null.
std::string report_json(const Report& report);
/// The same in one sentence, for `systemctl status`.
std::string report_sentence(const Report& report);

}  // namespace anabranch::host
