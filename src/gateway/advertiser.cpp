// SPDX-License-Identifier: MIT
#include "gateway/advertiser.hpp"

#include <algorithm>
#include <random>
#include <thread>
#include <utility>

namespace anabranch::gateway {
namespace {

constexpr std::uint8_t kSolicitation = 133;
/// A socket that could not be opened is tried again.
constexpr seconds kReopen{1};
/// Of a flood no more than these are read before others have their turn; the kernel drops what
/// comes in the pause beyond its buffer.
constexpr std::uint64_t kMessagesAtOnce = 32;
constexpr milliseconds kPause{20};

constexpr int kLastWords = 3;  ///< MAX_FINAL_RTR_ADVERTISEMENTS
constexpr milliseconds kBetweenLastWords{50};

const PathAdvertisement* find(const std::vector<PathAdvertisement>& among, unsigned index) {
  const auto found = std::ranges::find(among, index, &PathAdvertisement::index);
  return found == among.end() ? nullptr : &*found;
}

}  // namespace

Advertiser::Advertiser(Loop& loop) : loop_(loop), timer_(std::random_device()()) {}

void Advertiser::tell(const std::optional<Lan>& lan, nanoseconds interval,
                      std::vector<PathAdvertisement> advertisements) {
  const auto now = MonotonicClock::now();
  const auto old = std::exchange(advertisements_, std::move(advertisements));
  const bool moved = std::exchange(lan_, lan) != lan;
  timer_.set_interval(interval, now);
  for (const auto& one : advertisements_)
    if (const auto* const before = find(old, one.index)) leftovers_.note(*before, one, now);
  if (moved || !lan_ || advertisements_.empty()) close();
  if (!lan_ || advertisements_.empty()) return;
  if (!socket_) return open();
  for (const auto& one : advertisements_)
    if (std::ranges::find(old, one) == old.end()) timer_.changed(one.index, now);
  on_timer();
}

void Advertiser::retire(const std::string& interface, const std::vector<PathAdvertisement>& next) {
  if (!socket_) return;
  const bool other_link = lan_->interface != interface;
  std::erase_if(advertisements_, [&](const PathAdvertisement& old) {
    if (!other_link && find(next, old.index) != nullptr) return false;
    timer_.forget(old.index);
    told_.erase(old.index);
    leftovers_.forget(old.index);
    // There is no later: its address goes.
    for (int i = 0; i < kLastWords; ++i) send(withdrawn(old), kernel::all_nodes());
    return true;
  });
}

void Advertiser::open() {
  again_.reset();
  auto socket =
      kernel::Icmpv6Socket::open(lan_->interface, {kSolicitation}, {kernel::all_routers()});
  if (!socket) {
    if (complaints_.allow(MonotonicClock::now()))
      log::warning("no Router Advertisements, trying again: {}", socket.error().text());
    again_ = loop_.after(kReopen, [this] { open(); });
    return;
  }
  socket_.emplace(*std::move(socket));
  listen();
  timer_.start(MonotonicClock::now());
  on_timer();
}

void Advertiser::listen() {
  readable_ = loop_.on_readable(socket_->fd(), [this] { on_readable(); });
}

void Advertiser::close() {
  again_.reset();
  clock_.reset();
  readable_.reset();
  socket_.reset();
  told_.clear();
}

void Advertiser::on_readable() {
  const auto elsewhere = socket_->from_elsewhere();
  const auto passed_over = [&] { return socket_->from_elsewhere() - elsewhere; };
  std::uint64_t heard = 0;
  while (heard + passed_over() < kMessagesAtOnce) {
    const auto received = socket_->receive();
    if (!received && complaints_.allow(MonotonicClock::now()))
      log::warning("{}", received.error().text());
    if (!received || !*received) break;
    ++heard;
    if (wire::is_router_solicitation((*received)->message, (*received)->source)) {
      ++counts_.solicitations;
      timer_.solicited((*received)->source, MonotonicClock::now());
    } else {
      ++counts_.refused;
    }
  }
  counts_.refused += passed_over();
  if (heard + passed_over() >= kMessagesAtOnce) {
    readable_.reset();
    again_ = loop_.after(kPause, [this] { listen(); });
  }
  arm();
}

void Advertiser::on_timer() {
  const auto due = timer_.take(MonotonicClock::now());
  for (const auto& one : advertisements_) {
    if (due.everything || std::ranges::find(due.paths, one.index) != due.paths.end())
      send_to_all(one);
    for (const auto& solicitor : due.solicitors) send(one, solicitor);
  }
  arm();
}

void Advertiser::arm() {
  clock_ = loop_.at(timer_.next(), [this] { on_timer(); });
}

bool Advertiser::send(const PathAdvertisement& advertisement, const IpAddress& destination) {
  const auto octets = wire::encode(advertisement.message);
  Result<void> sent = octets
                          ? socket_->send(*octets, advertisement.source, destination)
                          : fail("its domain is no domain name, or more than an option can hold");
  if (sent) {
    ++counts_.sent;
    return true;
  }
  ++counts_.failed;
  if (complaints_.allow(MonotonicClock::now()))
    log::warning("cannot advertise path {}: {}", advertisement.index, sent.error().text());
  return false;
}

void Advertiser::send_to_all(const PathAdvertisement& advertisement) {
  const auto now = MonotonicClock::now();
  if (!send(leftovers_.with(advertisement, now), kernel::all_nodes()))
    return timer_.not_sent(advertisement.index, now);
  for (const auto& farewell : leftovers_.farewells(advertisement, now))
    send(farewell, kernel::all_nodes());
  const bool works = advertisement.message.domain_header().lifetime > seconds(0);
  const auto [told, first] = told_.try_emplace(advertisement.index, works, now);
  if (!first && told->second.works != works) told->second = {works, now};
}

std::map<unsigned, ToldPath> Advertiser::told(MonotonicTime now) const {
  std::map<unsigned, ToldPath> out;
  for (const auto& [index, told] : told_) out[index] = {told.works, now - told.since};
  return out;
}

void say_withdrawn(const std::string& interface,
                   const std::vector<PathAdvertisement>& advertisements) {
  if (advertisements.empty()) return;
  auto socket = kernel::Icmpv6Socket::open(interface, {}, {});
  if (!socket) return log::debug("{}", socket.error().text());
  for (int i = 0; i < kLastWords; ++i) {
    if (i != 0) std::this_thread::sleep_for(kBetweenLastWords);
    for (const auto& one : advertisements)
      if (const auto octets = wire::encode(withdrawn(one).message))
        if (const auto sent = socket->send(*octets, one.source, kernel::all_nodes()); !sent)
          log::debug("{}", sent.error().text());
  }
}

}  // namespace anabranch::gateway
