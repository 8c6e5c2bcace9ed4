// SPDX-License-Identifier: MIT
#include "host/path6.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "kernel/udp_port.hpp"

namespace anabranch::host {
namespace {

constexpr std::uint16_t kClientPort = 546;

}  // namespace

Path6::Path6(Loop& loop, kernel::LinkInfo interface, bool own_interface,
             Dhcp6Client::Settings settings, Changed changed)
    : loop_(loop),
      index_(settings.index),
      interface_(std::move(interface)),
      own_interface_(own_interface),
      client_(std::move(settings)),
      changed_(std::move(changed)) {}

void Path6::start(const std::optional<Lease6>& adopted, MonotonicTime now) {
  client_.link(false, now);
  take(adopted ? client_.adopt(*adopted, now) : client_.start(now));
}

Result<void> Path6::link(bool up, const std::optional<IpAddress>& link_local, MonotonicTime now) {
  const bool usable = up && link_local;
  if (!usable || (socket_ && socket_->source().address != *link_local)) {
    ignored_before_ = ignored();
    socket_.reset();
    port_.reset();
  }
  if (usable && !socket_) ANABRANCH_TRY(open(*link_local));
  // The wait for the link-local address has spread those who begin together already.
  using Onset = Dhcp6Client::Onset;
  take(client_.link(usable, now, linked_ ? Onset::kTogether : Onset::kAlone));
  linked_ = linked_ || usable;
  return {};
}

Result<void> Path6::open(const IpAddress& link_local) {
  auto socket = Dhcp6Socket::open(loop_, {interface_.name, interface_.mac, link_local},
                                  [this](const Dhcp6Message& message) {
                                    const bool ours = client_.expects(message);
                                    if (ours) take(client_.receive(message, MonotonicClock::now()));
                                    return ours;
                                  });
  if (!socket) return std::unexpected(socket.error());
  socket_ = *std::move(socket);
  // On an interface of our own nobody else has the port, and servers were told that it is
  // unreachable. On a shared one a socket of ours could get another client's packets.
  if (!own_interface_) return {};
  if (auto port = kernel::hold_udp_port(interface_.name, link_local, kClientPort))
    port_ = *std::move(port);
  else
    log::debug("{}", port.error().text());
  return {};
}

void Path6::say(const Dhcp6Client::Step& step) {
  if (step.conflict)
    log::warning("path {}: another station uses {}; the address is declined, asking again in {}",
                 index_, step.conflict->address.text(), duration_text(step.conflict->wait));
  if (client_.lease()) refusal_.clear();
  if (!step.refusal) return;
  const auto& text = step.refusal->text;
  auto refusal = status_name(*step.refusal) + (text.empty() ? "" : fmt::format(" ({})", text));
  // Once for each trouble, not at every attempt.
  if (refusal == refusal_ || !refusals_.allow(MonotonicClock::now())) return;
  log::warning("path {}: the DHCPv6 server says {}", index_, refusal);
  refusal_ = std::move(refusal);
}

void Path6::take(const Dhcp6Client::Step& step) {
  if (step.send && socket_) {
    log::debug("path {}: DHCPv6 {} ({})", index_, state_name(client_.state()), interface_.name);
    socket_->send(*step.send);
  }
  say(step);
  if (step.change == Change::kNone && client_.state() == state_) return;
  state_ = client_.state();
  changed_(*this, step.change);
}

std::optional<IpAddress> link_local_of(std::span<const kernel::Address> addresses,
                                       unsigned ifindex) {
  static const IpPrefix kLinkLocal = IpPrefix::parse("fe80::/10").value();
  for (const auto& address : addresses)
    if (address.ifindex == ifindex && !address.tentative &&
        address.prefix.family() == Family::kIpv6 && kLinkLocal.contains(address.prefix.address()))
      return address.prefix.address();
  return std::nullopt;
}

}  // namespace anabranch::host
