// SPDX-License-Identifier: MIT
// Sends the gateway's Router Advertisements on the LAN and hears those who ask for them: the socket
// and the clock around advertisement.hpp and advertisement_timer.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "gateway/advertisement.hpp"
#include "gateway/advertisement_timer.hpp"
#include "gateway/leftovers.hpp"
#include "kernel/icmpv6_socket.hpp"

namespace anabranch::gateway {

struct AdvertiserCounts {
  std::uint64_t sent = 0;           ///< advertisements, each copy of each path
  std::uint64_t failed = 0;         ///< that could not be sent, and were tried again
  std::uint64_t solicitations = 0;  ///< valid ones
  std::uint64_t refused = 0;        ///< messages that were no valid solicitation
};

/// What hosts were told last of a path.
struct ToldPath {
  bool works = false;  ///< else it is withdrawn
  nanoseconds age{};   ///< since they were told so first
};

class Advertiser {
 public:
  explicit Advertiser(Loop& loop);

  struct Lan {
    std::string interface;
    unsigned ifindex = 0;
    bool operator==(const Lan&) const = default;
  };

  /// From now on `advertisements` are true on `lan`; what is new among them is told at once. Its
  /// addresses have to be there. No LAN: nothing is sent until there is one again; the hosts behind
  /// it are told nothing of that.
  void tell(const std::optional<Lan>& lan, nanoseconds interval,
            std::vector<PathAdvertisement> advertisements);
  /// Withdraws those that are told now and, going by what is told `next` on `interface`, will not
  /// be told again: of an uplink that is no longer configured, or on another LAN. To be called
  /// before their addresses go. Should they be told after all, that is news. What a path that goes
  /// on loses is told by tell().
  void retire(const std::string& interface, const std::vector<PathAdvertisement>& next);

  bool running() const { return socket_.has_value(); }
  const AdvertiserCounts& counts() const { return counts_; }
  /// By index. None of a path that nobody has been told of.
  std::map<unsigned, ToldPath> told(MonotonicTime now) const;

 private:
  void open();
  void listen();
  void close();
  void on_readable();
  void on_timer();
  void arm();
  bool send(const PathAdvertisement& advertisement, const IpAddress& destination);
  void send_to_all(const PathAdvertisement& advertisement);

  struct Told {
    bool works = false;
    MonotonicTime since;
  };

  Loop& loop_;
  std::optional<Lan> lan_;
  std::vector<PathAdvertisement> advertisements_;
  Leftovers leftovers_;
  AdvertisementTimer timer_;
  std::optional<kernel::Icmpv6Socket> socket_;
  AdvertiserCounts counts_;
  std::map<unsigned, Told> told_;  ///< by index
  log::RateLimit complaints_{seconds(10)};
  Loop::Handle readable_;
  Loop::Handle clock_;
  Loop::Handle again_;
};

/// Says on `interface` that all of this is over, three times (RFC 4861 section 6.2.5). For who
/// removes the gateway from the machine: one that only ends or is started anew says nothing, since
/// forwarding goes on. Takes 0.1 s. Where it cannot be said nobody hears it, so that this is no
/// error.
void say_withdrawn(const std::string& interface,
                   const std::vector<PathAdvertisement>& advertisements);

}  // namespace anabranch::gateway
