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
#include "host/domain_watch.hpp"
#include "host/path.hpp"
#include "host/told_converters.hpp"

namespace anabranch::host {

enum class PathState {
  kUp,
  kAcquiring,   ///< no lease yet, or an address that may be somebody else's
  kDown,        ///< the interface has no link, or no router forwards
  kNoOffer,     ///< no DHCP server offers it
  kWithdrawn,   ///< the network has no use for it now; all of it is there for when it is back
  kDeprecated,  ///< for connections that have it; new ones use another address of the path
  kDuplicate,   ///< others on the link have every address that was tried
};

struct ReportedPath {
  unsigned index = 0;
  Family family = Family::kIpv4;
  std::optional<IpAddress> address = {};
  std::string interface = {};
  PathState state = PathState::kAcquiring;
  std::optional<IpAddress> router = {};
  /// What is left of the lease or of an IPv6 address; nothing for the interface's own addresses.
  std::optional<seconds> lease = {};
  std::string domain = {};      ///< id of the provisioning domain, empty for none
  std::uint64_t ignored = 0;    ///< packets for its family's DHCP client that were of no use
  std::uint64_t conflicts = 0;  ///< times that another station claimed its address
};

struct Report {
  std::string interface;
  Attachment attachment = Attachment::kVirtual;
  AttachmentChoice::Reason reason = AttachmentChoice::Reason::kDefault;
  Discovery::Support support = Discovery::Support::kUnknown;
  unsigned count = 0;
  std::vector<ReportedPath> paths;  ///< an entry for each address
  std::vector<ToldConverter> converters = {};
  DomainWatch::Counts advertisements = {};
};

/// A further path at `now`, on an interface that can carry packets or cannot.
ReportedPath report_path(const Path& path, bool operational, MonotonicTime now);

/// {"interface","interfaces":"virtual"|"shared","interfaces_reason":"default"|"configured"|
/// "wireless"|"learned"|"refused","support":"yes"|"no"|"unknown","count","paths":[{"index","family","address","interface",
/// "state":"up"|"acquiring"|"down"|"no-offer"|"withdrawn"|"deprecated"|"duplicate","router","lease_s",
/// "pvd","ignored"}],"converters":[{"endpoint","paths":[indexes]}],
/// "advertisements":{"used","refused","ignored"}}, an entry of "paths" for each address; what is
/// not known is null.
std::string report_json(const Report& report);
/// The same in one sentence, for `systemctl status`.
std::string report_sentence(const Report& report);

}  // namespace anabranch::host
