// SPDX-License-Identifier: MIT
#include "host/path.hpp"

#include "base/log.hpp"
#include "kernel/udp_port.hpp"

namespace anabranch::host {
namespace {

constexpr std::uint16_t kClientPort = 68;

}  // namespace

Path::Path(Loop& loop, kernel::LinkInfo macvlan, DhcpClient::Settings settings, Changed changed)
    : loop_(loop),
      index_(settings.index),
      macvlan_(std::move(macvlan)),
      client_(std::move(settings)),
      changed_(std::move(changed)) {}

Result<void> Path::start(const std::optional<Lease>& lease, bool link_up, MonotonicTime now) {
  auto socket = DhcpSocket::open(loop_, macvlan_.name,
                                 [this](const DhcpMessage& message, const MacAddress& from) {
                                   take(client_.receive(message, from, MonotonicClock::now()));
                                 });
  if (!socket) return std::unexpected(socket.error());
  socket_ = *std::move(socket);
  if (!link_up) take(client_.link(false, now));
  take(lease ? client_.adopt(*lease, now) : client_.start(now));
  return {};
}

void Path::address_is_set() {
  const auto address = client_.lease()->address.address();
  if (port_address_ == address) return;
  auto port = kernel::hold_udp_port(macvlan_.name, address, kClientPort);
  if (!port) return log::debug("{}", port.error().text());
  port_ = *std::move(port);
  port_address_ = address;
}

void Path::take(DhcpClient::Step step) {
  if (step.send) {
    log::debug("path {}: DHCP {} ({})", index_, state_name(client_.state()), macvlan_.name);
    socket_->send(*step.send);
  }
  if (!client_.lease()) {
    port_.reset();
    port_address_.reset();
  }
  changed_(*this, step.change);
}

}  // namespace anabranch::host
