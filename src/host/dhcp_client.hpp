// SPDX-License-Identifier: MIT
// The DHCPv4 client of one further path as a pure state machine (RFC 2131 section 4.4): events with
// their time go in, a message to send and what became of the lease come out.
//
//   INIT --start--> SELECTING --OFFER--> REQUESTING --ACK--> CHECKING --address is free--> BOUND
//   INIT --start, remembered lease--> REBOOTING --ACK--> CHECKING
//   BOUND --T1--> RENEWING --T2--> REBINDING --ACK--> BOUND
//
// What is special to a path: every message asks for one EXT_ROUTE index, and an OFFER or ACK that
// does not carry this index is none of ours. After four DISCOVERs without an OFFER the index counts
// as not offered; it is asked for again some minutes later.
//
// Nothing a server or another station does makes the client send faster than a few packets per
// second: refusals (NAK) after the first and address conflicts are followed by growing waits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "host/address_check.hpp"
#include "host/dhcp_message.hpp"
#include "host/lease.hpp"

namespace anabranch::host {

class DhcpClient {
 public:
  struct Settings {
    std::uint8_t index = 0;  ///< of the external route
    MacAddress mac;          ///< of the interface that sends; also chaddr
    std::vector<std::uint8_t> client_id;
    std::uint8_t ext_route_code = 0;
    std::function<std::uint32_t()> random;  ///< transaction ids and jitter
    /// False for an address this host holds already: such an OFFER is not taken.
    std::function<bool(const IpAddress&)> acceptable = [](const IpAddress&) { return true; };
    /// Whether an Ethernet address is one of this host's, whose ARP is no conflict. `mac` always
    /// is.
    std::function<bool(const MacAddress&)> own_mac = [](const MacAddress&) { return false; };
  };
  enum class State {
    kInit,
    kRebooting,
    kSelecting,
    kRequesting,
    kChecking,  ///< granted; asking by ARP whether somebody uses the address
    kBound,
    kRenewing,
    kRebinding,
    kNoOffer,
  };
  enum class Change {
    kNone,
    kObtained,  ///< there was no lease before
    kRenewed,   ///< the same for longer
    kChanged,   ///< another prefix length or other routes
    kLost,
    kTaken,  ///< lost because another station uses the address
  };
  /// Another station uses an address of ours.
  struct Conflict {
    enum class Outcome { kRefused, kDefended, kGivenUp };
    IpAddress address;
    MacAddress other;
    /// kRefused: found before use. kGivenUp: found just after, or again soon after it was defended.
    Outcome outcome = Outcome::kRefused;
    seconds wait{};  ///< until another address is asked for; not after kDefended
  };
  struct Step {
    std::optional<OutgoingMessage> send = std::nullopt;
    Change change = Change::kNone;
    std::optional<wire::ArpPacket> arp = std::nullopt;
    std::optional<Conflict> conflict = std::nullopt;
  };

  explicit DhcpClient(Settings settings);

  /// Begins anew. With a lease `remembered` from before a restart of the machine it is asked for
  /// first (INIT-REBOOT, RFC 2131 section 3.2).
  Step start(MonotonicTime now, std::optional<Lease> remembered = std::nullopt);
  /// Goes on with a lease an earlier process got and has in place: renews it at once, and keeps it
  /// meanwhile.
  Step adopt(const Lease& lease, MonotonicTime now);
  /// `from` is the sender of the frame.
  Step receive(const DhcpMessage& message, const MacAddress& from, MonotonicTime now);
  /// ARP about watched_address().
  Step receive(const wire::ArpPacket& packet, MonotonicTime now);
  /// To be called when next_timer() has come; earlier calls do nothing.
  Step timer(MonotonicTime now);
  /// The wire has gone or has come back. Without it nothing is sent, and a lease runs on. When it
  /// returns the network may be another one: a lease is renewed at once.
  Step link(bool up, MonotonicTime now);
  /// The machine has slept for `time`, which MonotonicTime does not count and servers do.
  Step slept(MonotonicClock::duration time, MonotonicTime now);
  /// Gives the lease back (DHCPRELEASE); nothing to send without one.
  Step release(MonotonicTime now);

  /// MonotonicTime::max() when nothing is due.
  MonotonicTime next_timer() const;
  State state() const { return state_; }
  /// What may be used; present from BOUND to REBINDING.
  const std::optional<Lease>& lease() const { return lease_; }
  /// The address of the lease, or the one that is being asked for.
  std::optional<IpAddress> claimed_address() const;
  /// The address whose ARP must be passed to receive().
  const std::optional<IpAddress>& watched_address() const { return check_.address(); }
  /// Whether `message` answers what was sent last.
  bool expects(const DhcpMessage& message) const {
    return message.reply() && message.xid == xid_ && message.hardware == settings_.mac;
  }
  /// Times another station was found to use an address of ours.
  std::uint64_t conflicts() const { return conflicts_; }

 private:
  Step begin(MonotonicTime now);
  Step start_after(nanoseconds wait, MonotonicTime now);
  Step discover(MonotonicTime now);
  Step discover_again(MonotonicTime now);
  Step reboot(MonotonicTime now);
  Step request(MonotonicTime now);
  Step renew(MonotonicTime now);
  Step rebind(MonotonicTime now);
  Step lose(MonotonicTime now);
  Step take_offer(const DhcpMessage& message, const MacAddress& from, MonotonicTime now);
  Step take_ack(const DhcpMessage& message, const MacAddress& from, MonotonicTime now);
  Step take_nak(const DhcpMessage& message, MonotonicTime now);
  Step take_check(const AddressCheck::Step& check, MonotonicTime now);
  Step decline(const MacAddress& other, MonotonicTime now);
  bool from_its_server(const DhcpMessage& message) const;
  DhcpMessage message(DhcpType type, MonotonicTime now) const;
  DhcpMessage question(DhcpType type, MonotonicTime now) const;
  void begin_exchange(MonotonicTime now);
  MonotonicTime back_off(MonotonicTime now) const;
  void spread_renewal(Lease& lease, const DhcpMessage& message) const;

  Settings settings_;
  AddressCheck check_;
  State state_ = State::kInit;
  bool link_up_ = true;
  std::optional<Lease> lease_;
  /// Not ours yet: remembered (INIT, REBOOTING), offered (REQUESTING) or granted (CHECKING).
  std::optional<Lease> candidate_;
  std::uint32_t xid_ = 0;
  unsigned tries_ = 0;
  unsigned refusals_ = 0;          ///< since the last lease
  unsigned recent_conflicts_ = 0;  ///< given up since an address was held until its renewal
  std::uint64_t conflicts_ = 0;
  MonotonicTime began_{};
  MonotonicTime requested_{};
  MonotonicTime resend_ = MonotonicTime::max();
};

std::string_view state_name(DhcpClient::State state);

}  // namespace anabranch::host
