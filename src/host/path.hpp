// SPDX-License-Identifier: MIT
// One further path at work: its macvlan, the DHCP client on it, and the sockets both need.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/loop.hpp"
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

  /// Opens the socket and begins: with `lease` from there, else anew.
  Result<void> start(const std::optional<Lease>& lease, bool link_up, MonotonicTime now);
  void timer(MonotonicTime now) { take(client_.timer(now)); }
  void link(bool up, MonotonicTime now) { take(client_.link(up, now)); }
  /// The lease's address is on the interface: keep its port 68 open.
  void address_is_set();

  unsigned index() const { return index_; }
  /// The interface it runs on: its macvlan, or the physical interface that several paths share.
  const kernel::LinkInfo& macvlan() const { return macvlan_; }
  const DhcpClient& client() const { return client_; }

 private:
  void take(DhcpClient::Step step);

  Loop& loop_;
  unsigned index_;
  kernel::LinkInfo macvlan_;
  DhcpClient client_;
  Changed changed_;
  std::unique_ptr<DhcpSocket> socket_;
  UniqueFd port_;
  std::optional<IpAddress> port_address_;
};

}  // namespace anabranch::host
