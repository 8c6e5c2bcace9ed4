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

Result<void> Path::start(const std::optional<Lease>& adopted,
                         const std::optional<Lease>& remembered, bool link_up, MonotonicTime now) {
  auto socket = DhcpSocket::open(loop_, macvlan_.name, macvlan_.mac,
                                 [this](const DhcpMessage& message, const MacAddress& from) {
                                   const bool ours = client_.expects(message);
                                   if (ours)
                                     take(client_.receive(message, from, MonotonicClock::now()));
                                   return ours;
                                 });
  if (!socket) return std::unexpected(socket.error());
  socket_ = *std::move(socket);
  if (!link_up) take(client_.link(false, now));
  take(adopted ? client_.adopt(*adopted, now) : client_.start(now, remembered));
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

/// Keeps the ARP socket on the address the client watches.
void Path::watch_address() {
  const auto& address = client_.watched_address();
  if (arp_ && arp_->address() == address) return;
  arp_.reset();
  if (!address) return;
  auto socket =
      ArpSocket::open(loop_, macvlan_.name, *address, [this](const wire::ArpPacket& packet) {
        take(client_.receive(packet, MonotonicClock::now()));
      });
  if (socket)
    arp_ = *std::move(socket);
  else
    log::warning("path {}: nobody watches whether {} is used by others: {}", index_,
                 address->text(), socket.error().text());
}

void Path::say(const DhcpClient::Conflict& conflict) const {
  const auto address = conflict.address.text();
  const auto other = conflict.other.text();
  switch (conflict.outcome) {
    case DhcpClient::Conflict::Outcome::kRefused:
      log::warning("path {}: {} uses {} already; the address is declined, asking again in {}",
                   index_, other, address, duration_text(conflict.wait));
      break;
    case DhcpClient::Conflict::Outcome::kDefended:
      log::warning("path {}: {} claims {}, which is ours; the address is defended", index_, other,
                   address);
      break;
    case DhcpClient::Conflict::Outcome::kGivenUp:
      log::warning(
          "path {}: {} keeps {}; the address is given up and declined, asking again in "
          "{}",
          index_, other, address, duration_text(conflict.wait));
      break;
  }
}

void Path::take(const DhcpClient::Step& step) {
  watch_address();
  if (step.send) {
    log::debug("path {}: DHCP {} ({})", index_, state_name(client_.state()), macvlan_.name);
    socket_->send(*step.send);
  }
  if (step.arp && arp_) arp_->send(*step.arp);
  if (step.conflict) say(*step.conflict);
  if (!client_.lease()) {
    port_.reset();
    port_address_.reset();
  }
  if (step.change == DhcpClient::Change::kNone && client_.state() == state_) return;
  state_ = client_.state();
  changed_(*this, step.change);
}

}  // namespace anabranch::host
