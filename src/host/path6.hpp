// SPDX-License-Identifier: MIT
// The DHCPv6 client of one further path at work: its socket, and the link-local address it speaks
// from.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "host/dhcp6_client.hpp"
#include "host/dhcp6_socket.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::host {

class Path6 {
 public:
  using Change = Dhcp6Client::Change;
  /// Anybody on the link can say something else with every packet: so far apart are two lines.
  static constexpr seconds kRefusalLines{10};
  /// Called when the client's state or lease has changed, from inside the socket's callback: the
  /// Path6 must not be destroyed in it.
  using Changed = std::function<void(Path6&, Change)>;

  /// `interface` is the path's macvlan (`own_interface`), or the physical interface that several
  /// paths share with other programs' DHCPv6 clients.
  Path6(Loop& loop, kernel::LinkInfo interface, bool own_interface, Dhcp6Client::Settings settings,
        Changed changed);

  /// Begins as soon as link() lets it: with `adopted`, a lease that is in place, from there; else
  /// anew.
  void start(const std::optional<Lease6>& adopted, MonotonicTime now);
  /// What the interface can do now: whether it is up, and its link-local address once that is known
  /// to be free (see link_local_of()). Without one of them nothing is sent and leases run on. To be
  /// called after start() and whenever the interface or its addresses may have changed. Errors: as
  /// Dhcp6Socket::open().
  Result<void> link(bool up, const std::optional<IpAddress>& link_local, MonotonicTime now);
  void timer(MonotonicTime now) { take(client_.timer(now)); }
  /// See Dhcp6Client::slept().
  void slept(MonotonicClock::duration time, MonotonicTime now) { take(client_.slept(time, now)); }
  /// The kernel has found the lease's address in use by another station (IFA_F_DADFAILED).
  void taken(MonotonicTime now) { take(client_.taken(now)); }
  /// Gives the lease back.
  void release(MonotonicTime now) { take(client_.release(now)); }

  unsigned index() const { return index_; }
  const kernel::LinkInfo& interface() const { return interface_; }
  const Dhcp6Client& client() const { return client_; }
  /// DHCPv6 packets that its client has not been able to make use of.
  std::uint64_t ignored() const {
    return ignored_before_ + (socket_ ? socket_->traffic().ignored : 0);
  }

 private:
  Result<void> open(const IpAddress& link_local);
  void take(const Dhcp6Client::Step& step);
  void say(const Dhcp6Client::Step& step);

  Loop& loop_;
  unsigned index_;
  kernel::LinkInfo interface_;
  bool own_interface_;
  Dhcp6Client client_;
  Changed changed_;
  Dhcp6Client::State state_ = Dhcp6Client::State::kInit;  ///< that changed_ knows of
  bool linked_ = false;  ///< has been able to send since it was started
  std::string refusal_;  ///< the last one told in the log, since there was a lease
  log::RateLimit refusals_{kRefusalLines};
  std::unique_ptr<Dhcp6Socket> socket_;
  std::uint64_t ignored_before_ = 0;  ///< by sockets that have been closed
  UniqueFd port_;
};

/// The link-local address of interface `ifindex` that may be sent from; nothing when it has none,
/// or not yet.
std::optional<IpAddress> link_local_of(std::span<const kernel::Address> addresses,
                                       unsigned ifindex);

}  // namespace anabranch::host
