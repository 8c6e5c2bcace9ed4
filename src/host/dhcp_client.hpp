// SPDX-License-Identifier: MIT
// The DHCPv4 client of one further path as a pure state machine (RFC 2131 section 4.4): events with
// their time go in, a message to send and what became of the lease come out.
//
//   INIT --start--> SELECTING --OFFER--> REQUESTING --ACK--> BOUND --T1--> RENEWING --T2-->
//   REBINDING
//
// What is special to a path: every message asks for one EXT_ROUTE index, and an OFFER or ACK that
// does not carry this index is none of ours. After four DISCOVERs without an OFFER the index counts
// as not offered; it is asked for again some minutes later.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

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
  };
  enum class State { kInit, kSelecting, kRequesting, kBound, kRenewing, kRebinding, kNoOffer };
  enum class Change {
    kNone,
    kObtained,  ///< there was no lease before
    kRenewed,   ///< the same for longer
    kChanged,   ///< another address or other routes
    kLost,
  };
  struct Step {
    std::optional<OutgoingMessage> send = std::nullopt;
    Change change = Change::kNone;
  };

  explicit DhcpClient(Settings settings) : settings_(std::move(settings)) {}

  Step start(MonotonicTime now);
  /// Goes on with a lease an earlier process got: renews it at once, and keeps it meanwhile.
  Step adopt(const Lease& lease, MonotonicTime now);
  /// `from` is the sender of the frame.
  Step receive(const DhcpMessage& message, const MacAddress& from, MonotonicTime now);
  /// To be called when next_timer() has come; earlier calls do nothing.
  Step timer(MonotonicTime now);
  /// The wire has gone or has come back. Without it nothing is sent, and a lease runs on. When it
  /// returns the network may be another one: a lease is renewed at once.
  Step link(bool up, MonotonicTime now);

  /// MonotonicTime::max() when nothing is due.
  MonotonicTime next_timer() const;
  State state() const { return state_; }
  /// What may be used; present from BOUND to REBINDING.
  const std::optional<Lease>& lease() const { return lease_; }

 private:
  Step discover(MonotonicTime now);
  Step discover_again(MonotonicTime now);
  Step request(MonotonicTime now);
  Step renew(MonotonicTime now);
  Step rebind(MonotonicTime now);
  Step lose(MonotonicTime now);
  Step take_offer(const DhcpMessage& message, const MacAddress& from, MonotonicTime now);
  Step take_ack(const DhcpMessage& message, const MacAddress& from);
  DhcpMessage message(DhcpType type, MonotonicTime now) const;
  void begin_exchange(MonotonicTime now);
  MonotonicTime back_off(MonotonicTime now) const;

  Settings settings_;
  State state_ = State::kInit;
  bool link_up_ = true;
  std::optional<Lease> lease_;
  std::optional<Lease> offer_;
  std::uint32_t xid_ = 0;
  unsigned tries_ = 0;
  MonotonicTime began_{};
  MonotonicTime requested_{};
  MonotonicTime resend_ = MonotonicTime::max();
};

std::string_view state_name(DhcpClient::State state);

}  // namespace anabranch::host
