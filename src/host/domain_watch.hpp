// SPDX-License-Identifier: MIT
// Hears the Router Advertisements of one interface, asks for them when it is time to, and keeps the
// table of what they say. One socket on the physical interface: every macvlan on it would hear them
// all again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/loop.hpp"
#include "host/flood_watch.hpp"
#include "host/pvd_table.hpp"
#include "host/router_solicitor.hpp"
#include "kernel/icmpv6_socket.hpp"

namespace anabranch::host {

class DomainWatch {
 public:
  struct Counts {
    std::uint64_t used = 0;
    std::uint64_t refused = 0;  ///< no room, or not that domain's router
    std::uint64_t ignored = 0;  ///< malformed, from beyond the link, or leading to no path
  };
  /// What paths are made of has changed; or else only how long it lasts.
  using Changed = std::function<void(bool)>;

  DomainWatch(Loop& loop, std::string interface, Changed changed)
      : loop_(loop), interface_(std::move(interface)), changed_(std::move(changed)) {}

  /// The interface is there, with this link-local address if it has one that is not tentative. The
  /// first one is what it begins with.
  void begin(const MacAddress& mac, const std::optional<IpAddress>& link_local, MonotonicTime now);
  /// The link has returned.
  void link_returned(MonotonicTime now, std::uint32_t random);
  /// Another interface, or none: nothing is known.
  void forget();
  void slept(MonotonicClock::duration time) { table_.slept(time); }
  void adopt(std::vector<Domain> domains) { table_.adopt(std::move(domains)); }

  /// True when something has ended.
  bool timer(MonotonicTime now);
  MonotonicTime next_timer() const;

  const PvdTable& table() const { return table_; }
  const Counts& counts() const { return counts_; }

 private:
  void read();
  void note_useless(MonotonicTime now);
  PvdTable::Outcome take(const kernel::Icmpv6Socket::Received& received, MonotonicTime now);
  void ask();

  Loop& loop_;
  std::string interface_;
  Changed changed_;
  std::optional<kernel::Icmpv6Socket> socket_;
  Loop::Handle watch_;
  MacAddress mac_;
  std::optional<IpAddress> link_local_;
  PvdTable table_;
  RouterSolicitor solicitor_;
  MonotonicTime looked_{};  ///< at what has ended
  FloodWatch flood_;
  Counts counts_;
  bool complained_ = false;
};

}  // namespace anabranch::host
