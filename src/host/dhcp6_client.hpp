// SPDX-License-Identifier: MIT
// The DHCPv6 client of one further path as a pure state machine (RFC 8415 section 18.2): events
// with their time go in, a message to send and what became of the lease come out.
//
//   INIT --start--> SOLICITING --ADVERTISE--> REQUESTING --REPLY--> BOUND
//   BOUND --T1--> RENEWING --T2--> REBINDING --REPLY--> BOUND
//   BOUND --the link returns--> CONFIRMING --REPLY, or nobody objects--> BOUND
//   BOUND --the address is taken--> DECLINING --> INIT
//   BOUND --release--> RELEASING --> INIT
//
// What is special to a path: every message asks for one EXT_ROUTE index, and an ADVERTISE or REPLY
// without this index grants nothing; where the answer has containers of provisioning domains, the
// one with this index counts. Each path has an IAID of its own, since a server that sees one IAID
// on two paths moves the lease from one to the other.
//
// Every message goes to all servers of the link; which of them is meant stands in it. An address is
// ours as soon as it is granted: whether another station uses it is for the kernel to find out
// (RFC 4862 section 5.4), and for taken() to be told.
//
// Nothing a server does makes the client send faster than a few packets per second: what is not
// answered, or answered with a failure, is sent again after growing waits, refusals after the first
// and taken addresses are followed by growing waits, and no lease is renewed within its first
// second.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/dhcp6_message.hpp"
#include "host/dhcp_client.hpp"
#include "host/lease6.hpp"
#include "host/retransmission.hpp"

namespace anabranch::host {

class Dhcp6Client {
 public:
  /// The longest wait between two Solicits, unless a server has another one (RFC 8415 section 7.6).
  static constexpr milliseconds kSolMaxRt = std::chrono::hours(1);

  struct Settings {
    std::uint8_t index = 0;  ///< of the external route
    std::uint32_t iaid = 0;
    std::vector<std::uint8_t> duid;
    std::function<std::uint32_t()> random;  ///< transaction ids and jitter
    /// False for an address this host holds already, or that lies in no prefix of the path.
    std::function<bool(const IpAddress&)> acceptable = [](const IpAddress&) { return true; };
  };
  enum class State {
    kInit,
    kSoliciting,
    kRequesting,
    kBound,
    kConfirming,
    kRenewing,
    kRebinding,
    kDeclining,
    kReleasing,
  };
  /// kChanged: another address, or other resolvers, or another count.
  using Change = DhcpClient::Change;
  /// Whether many hosts may begin at the same moment, and each shall wait up to a second.
  enum class Onset { kAlone, kTogether };
  struct Conflict {
    IpAddress address;
    seconds wait{};  ///< until another address is asked for, at least
  };
  struct Step {
    std::optional<Dhcp6Message> send = std::nullopt;
    Change change = Change::kNone;
    std::optional<Conflict> conflict = std::nullopt;
    std::optional<Dhcp6Status> refusal = std::nullopt;  ///< what a server said why it does not
  };

  explicit Dhcp6Client(Settings settings) : settings_(std::move(settings)) {}

  /// Begins anew. A server gives the same address to the same DUID and IAID for as long as it can,
  /// so that there is nothing to remember.
  Step start(MonotonicTime now, Onset onset = Onset::kAlone);
  /// Goes on with a lease an earlier process got and has in place: renews it at once, and keeps it
  /// meanwhile.
  Step adopt(const Lease6& lease, MonotonicTime now);
  Step receive(const Dhcp6Message& message, MonotonicTime now);
  /// To be called when next_timer() has come; earlier calls do nothing.
  Step timer(MonotonicTime now);
  /// The wire has gone or has come back. Without it nothing is sent, and a lease runs on. When it
  /// returns (kTogether) the network may be another one: servers are asked whether the address
  /// still fits. A wire that was there all along (kAlone) is what start() and adopt() have waited
  /// for.
  Step link(bool up, MonotonicTime now, Onset onset = Onset::kTogether);
  /// The machine has slept for `time`, which MonotonicTime does not count and servers do.
  Step slept(MonotonicClock::duration time, MonotonicTime now);
  /// Another station has the lease's address: the server is told, another one is asked for later.
  Step taken(MonotonicTime now);
  /// Gives the lease back, and asks for nothing any more; nothing to send without one.
  Step release(MonotonicTime now);

  /// MonotonicTime::max() when nothing is due.
  MonotonicTime next_timer() const;
  State state() const { return state_; }
  /// What may be used.
  const std::optional<Lease6>& lease() const { return lease_; }
  /// The address of the lease, or the one that is being asked for.
  std::optional<IpAddress> claimed_address() const;
  /// Asked several times, and no server has offered the path.
  bool unanswered() const;
  /// Whether `message` answers what was sent last.
  bool expects(const Dhcp6Message& message) const;
  /// Times another station was found to use an address of ours.
  std::uint64_t conflicts() const { return conflicts_; }

 private:
  Step exchange(State state, const Retransmission::Parameters& parameters, MonotonicTime now,
                nanoseconds delay = {});
  Step transmit(MonotonicTime now);
  Step give_up(MonotonicTime now);
  Step solicit(MonotonicTime now, nanoseconds delay);
  Step request(MonotonicTime now);
  Step renew(MonotonicTime now);
  Step rebind(MonotonicTime now);
  Step bound();
  Step lose(MonotonicTime now);
  Step begin_again(MonotonicTime now);
  Step start_after(nanoseconds wait, MonotonicTime now);
  Step take_advertise(const Dhcp6Message& message, MonotonicTime now);
  Step take_confirmation(const Dhcp6Message& message, MonotonicTime now);
  Step take_reply(const Dhcp6Message& message, MonotonicTime now);
  Step take_grant(Lease6 granted);
  Step take_refusal(const Dhcp6Status& status, const Dhcp6Message& message, MonotonicTime now);
  void take_limits(const Dhcp6Message& message);
  void spread_renewal(Lease6& lease, const Dhcp6Message& message) const;
  const Lease6& subject() const { return other_ ? *other_ : *lease_; }
  LeaseRequest looked_for() const;
  Dhcp6Message message(MonotonicTime now) const;
  /// Up to a second.
  milliseconds short_wait() const { return milliseconds(settings_.random() % 1000); }

  Settings settings_;
  State state_ = State::kInit;
  bool link_up_ = true;
  std::optional<Lease6> lease_;
  /// Not ours: the best that is advertised (SOLICITING) or requested (REQUESTING), or no more ours
  /// (DECLINING, RELEASING).
  std::optional<Lease6> other_;
  std::uint8_t preference_ = 0;  ///< of the server that advertises it
  Retransmission retransmission_;
  milliseconds longest_solicit_ = kSolMaxRt;  ///< or what a server says
  std::uint32_t transaction_ = 0;
  MonotonicTime began_{};  ///< the exchange
  MonotonicTime sent_{};   ///< its last message
  MonotonicTime due_ = MonotonicTime::max();
  MonotonicTime not_before_{};     ///< DECLINING: when to begin anew
  bool objection_ = false;         ///< CONFIRMING: another server thinks the address does not fit
  unsigned refusals_ = 0;          ///< since the last lease
  unsigned recent_conflicts_ = 0;  ///< since an address was held until its renewal
  std::uint64_t conflicts_ = 0;
};

std::string_view state_name(Dhcp6Client::State state);
/// "NoAddrsAvail"; "status 7" for one we do not know.
std::string status_name(const Dhcp6Status& status);

}  // namespace anabranch::host
