// SPDX-License-Identifier: MIT
// Address conflict detection (RFC 5227) for one address as a pure state machine: ARP packets and
// time go in, ARP packets to send and a verdict come out.
//
//   probe() --three probes unanswered--> in use: announced twice, then watched
//
// The probes are closer together than RFC 5227 section 1.1 has them:
//
//   constant                      RFC 5227   here
//   PROBE_WAIT                    0-1 s      0: the DHCP exchange just before has spread hosts
//   PROBE_NUM                     3          3
//   PROBE_MIN, PROBE_MAX          1-2 s      100-120 ms
//   ANNOUNCE_WAIT                 2 s        100-120 ms
//   ANNOUNCE_NUM, _INTERVAL       2, 2 s     2, 2 s
//   DEFEND_INTERVAL               10 s       10 s
//
// With the RFC's times a path would come up 5 to 7 s late. A station on the same wire answers
// within milliseconds; one that answers late, until we have announced twice, was there before us
// and gets the address at once. One that comes later still is caught by the detection that goes on
// for as long as the address is used (section 2.4): it is told once, and believed when it goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "wire/arp.hpp"

namespace anabranch::host {

class AddressCheck {
 public:
  struct Settings {
    MacAddress mac;  ///< of the interface that has or gets the address
    /// Whether an Ethernet address is one of this host: what it says is no conflict.
    std::function<bool(const MacAddress&)> own;
    std::function<std::uint32_t()> random;  ///< jitter
  };
  enum class Verdict {
    kNone,
    kFree,      ///< nobody answered: the address may be used
    kDefended,  ///< somebody else claims the address; told once that it is ours
    kConflict,  ///< somebody else has the address: it must not be used, and is not watched any more
  };
  struct Step {
    std::optional<wire::ArpPacket> send = std::nullopt;
    Verdict verdict = Verdict::kNone;
    MacAddress other{};  ///< whose claim led to kDefended or kConflict
  };

  explicit AddressCheck(Settings settings) : settings_(std::move(settings)) {}

  /// Asks whether `address` is free; the verdict comes from timer() or receive().
  Step probe(const IpAddress& address, MonotonicTime now);
  /// `address` is in use already, announced by an earlier process.
  void watch(const IpAddress& address);
  void stop();
  Step receive(const wire::ArpPacket& packet, MonotonicTime now);
  /// To be called when next_timer() has come; earlier calls do nothing.
  Step timer(MonotonicTime now);
  /// MonotonicTime::max() when nothing is due.
  MonotonicTime next_timer() const { return next_; }
  /// The address whose ARP is to be passed to receive().
  const std::optional<IpAddress>& address() const { return address_; }

 private:
  Step announce(MonotonicTime now);
  Step conflict(const MacAddress& other);
  MonotonicTime probe_wait(MonotonicTime now) const;

  Settings settings_;
  std::optional<IpAddress> address_;
  bool in_use_ = false;
  unsigned probes_ = 0;         ///< sent
  unsigned announcements_ = 0;  ///< sent
  std::optional<MonotonicTime> defended_;
  MonotonicTime next_ = MonotonicTime::max();
};

}  // namespace anabranch::host
