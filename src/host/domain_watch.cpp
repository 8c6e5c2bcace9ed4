// SPDX-License-Identifier: MIT
#include "host/domain_watch.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "wire/router_advertisement.hpp"

namespace anabranch::host {
namespace {

constexpr std::uint8_t kAdvertisement = 134;
/// Messages read before others in the event loop have their turn.
constexpr unsigned kMessagesPerTurn = 64;

bool is_link_local(const IpAddress& address) {
  const auto octets = address.octets();
  return !address.is_v4() && octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

}  // namespace

void DomainWatch::begin(const MacAddress& mac, const std::optional<IpAddress>& link_local,
                        MonotonicTime now) {
  mac_ = mac;
  link_local_ = link_local;
  if (socket_ || !link_local_) return;
  auto socket = kernel::Icmpv6Socket::open(interface_, {kAdvertisement}, {kernel::all_nodes()});
  if (!socket) {
    if (!complained_)
      log::warning("{}; paths are IPv4 paths only and are not withdrawn by the network",
                   socket.error().text());
    complained_ = true;
    return;
  }
  complained_ = false;
  socket_ = *std::move(socket);
  watch_ = loop_.on_readable(socket_->fd(), [this] { read(); });
  solicitor_.start(now);
}

void DomainWatch::link_returned(MonotonicTime now, std::uint32_t random) {
  if (!socket_) return;
  table_.doubt();
  solicitor_.link_returned(now, random);
}

void DomainWatch::forget() {
  watch_.reset();
  socket_.reset();
  link_local_.reset();
  solicitor_.stop();
  table_.forget();
}

bool DomainWatch::timer(MonotonicTime now) {
  bool changed = false;
  switch (solicitor_.timer(now)) {
    case RouterSolicitor::Step::kNothing:
      break;
    case RouterSolicitor::Step::kAsk:
      ask();
      break;
    case RouterSolicitor::Step::kOver:
      changed = table_.forget_doubted();
      break;
  }
  if (table_.next_change(looked_) <= now) changed = true;
  table_.expire(now);
  looked_ = now;
  return changed;
}

MonotonicTime DomainWatch::next_timer() const {
  return std::min(solicitor_.next_timer(), table_.next_change(looked_));
}

void DomainWatch::ask() {
  if (!socket_ || !link_local_) return;
  log::debug("asking on {} for Router Advertisements", interface_);
  if (auto sent = socket_->send(wire::encode_router_solicitation(mac_), *link_local_,
                                kernel::all_routers());
      !sent)
    log::debug("{}", sent.error().text());
}

PvdTable::Outcome DomainWatch::take(const kernel::Icmpv6Socket::Received& received,
                                    MonotonicTime now) {
  // RFC 4861 section 6.1.2; what this host sends is no router's.
  if (!is_link_local(received.source) || received.source == link_local_)
    return PvdTable::Outcome::kNotForUs;
  const auto advertisement = wire::decode_router_advertisement(received.message);
  return advertisement ? table_.receive(*advertisement, received.source, now)
                       : PvdTable::Outcome::kNotForUs;
}

void DomainWatch::read() {
  const auto now = MonotonicClock::now();
  bool heard = false;
  bool changed = false;
  const auto elsewhere = socket_->from_elsewhere();
  for (unsigned i = 0; i < kMessagesPerTurn; ++i) {
    const auto received = socket_->receive();
    if (!received) {
      log::warning("{}", received.error().text());
      break;
    }
    if (!*received) break;
    switch (take(**received, now)) {
      case PvdTable::Outcome::kChanged:
        changed = true;
        [[fallthrough]];
      case PvdTable::Outcome::kHeard:
        heard = true;
        ++counts_.used;
        // Each path answers by itself, and an answer can be lost.
        if (table_.complete()) solicitor_.heard();
        continue;
      case PvdTable::Outcome::kRefused:
        ++counts_.refused;
        break;
      case PvdTable::Outcome::kNotForUs:
        ++counts_.ignored;
        break;
    }
    note_useless(now);
  }
  for (auto left = socket_->from_elsewhere() - elsewhere; left > 0; --left) {
    ++counts_.ignored;
    note_useless(now);
  }
  if (heard) changed_(changed);
}

void DomainWatch::note_useless(MonotonicTime now) {
  if (const auto count = flood_.useless(now))
    log::warning(
        "{} is flooded with Router Advertisements that lead to no path of ours: {} of them "
        "ignored so far",
        interface_, *count);
}

}  // namespace anabranch::host
