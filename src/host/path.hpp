// SPDX-License-Identifier: MIT
// One further path at work: its macvlan, the DHCP client on it, and the sockets both need.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/loop.hpp"
#include "host/arp_socket.hpp"
#include "host/dhcp_client.hpp"
#include "host/dhcp_socket.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::host {

class Path {
 public:
  /// Called when the client's state or lease has changed, from inside the socket's callback: the
  /// Path must not be destroyed in it.
  using Changed = std::function<void(Path&, DhcpClient::Change)>;

  Path(Loop& loop, kernel::LinkInfo macvlan, DhcpClient::Settings settings, Changed changed);

  /// Opens the sockets and begins: with `adopted`, a lease that is in place, from there; else anew,
  /// asking for `remembered` first.
  Result<void> start(const std::optional<Lease>& adopted, const std::optional<Lease>& remembered,
                     bool link_up, MonotonicTime now);
  void timer(MonotonicTime now) { take(client_.timer(now)); }
  void link(bool up, MonotonicTime now) { take(client_.link(up, now)); }
  /// See DhcpClient::slept().
  void slept(MonotonicClock::duration time, MonotonicTime now) { take(client_.slept(time, now)); }
  /// The lease's address is on the interface: keep its port 68 open.
  void address_is_set();

  unsigned index() const { return index_; }
  /// The interface it runs on: its macvlan, or the physical interface that several paths share.
  const kernel::LinkInfo& macvlan() const { return macvlan_; }
  const DhcpClient& client() const { return client_; }
  /// DHCP packets its client has seen.
  DhcpSocket::Traffic traffic() const {
    return socket_ ? socket_->traffic() : DhcpSocket::Traffic{};
  }

 private:
  void take(const DhcpClient::Step& step);
  void watch_address();
  void say(const DhcpClient::Conflict& conflict) const;

  Loop& loop_;
  unsigned index_;
  kernel::LinkInfo macvlan_;
  DhcpClient client_;
  Changed changed_;
  DhcpClient::State state_ = DhcpClient::State::kInit;  ///< that changed_ knows of
  std::unique_ptr<DhcpSocket> socket_;
  std::unique_ptr<ArpSocket> arp_;
  UniqueFd port_;
  std::optional<IpAddress> port_address_;
};

}  // namespace anabranch::host
