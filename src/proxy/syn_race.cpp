// SPDX-License-Identifier: MIT
#include "proxy/syn_race.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>

#include "base/log.hpp"
#include "kernel/stream_socket.hpp"

namespace anabranch::proxy {

SynRace::SynRace(relay::Reactor& reactor, Decided decided)
    : reactor_(reactor), decided_(std::move(decided)) {}

SynRace::~SynRace() {
  for (const auto& lane : lanes_) drop(*lane);
}

int SynRace::begin(const Endpoint& to, const std::string& congestion,
                   std::span<const UplinkAddress> from) {
  for (const auto& [uplink, address] : from) {
    auto lane = std::make_unique<Lane>(*this, uplink);
    if (const int error = begin(*lane, to, congestion, address); error != 0)
      error_ = error;
    else
      lanes_.push_back(std::move(lane));
  }
  return lanes_.empty() ? error_ : 0;
}

int SynRace::begin(Lane& lane, const Endpoint& to, const std::string& congestion,
                   const IpAddress& from) {
  auto fd = kernel::open_stream_socket(to.address.family(), kernel::Transport::kMptcp);
  if (!fd) return EMFILE;
  auto set = kernel::set_congestion_control(fd->get(), congestion);
  if (set) set = kernel::connect_from(fd->get(), from);
  if (!set) {
    log::debug("no SYN over {}: {}", lane.uplink, set.error().text());
    return EADDRNOTAVAIL;
  }
  if (const auto begun = kernel::begin_connect(fd->get(), to, {}); begun.error != 0)
    return begun.error;
  if (!reactor_.watch(fd->get(), EPOLLOUT, lane)) return EMFILE;
  lane.fd = *std::move(fd);
  return 0;
}

void SynRace::lane_ready(Lane& lane, std::uint32_t events) {
  if (!lane.fd) return;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    if (const int error = kernel::take_error(lane.fd.get()); error != 0) error_ = error;
    drop(lane);
  } else if ((events & EPOLLOUT) == 0) {
    return;
  } else if (kernel::is_mptcp(lane.fd.get())) {
    return decide(take(lane));
  } else {
    lane.answered = true;
  }
  const auto waits = [](const auto& one) { return one->fd && !one->answered; };
  if (std::ranges::none_of(lanes_, waits)) decide(give_up());
}

SynRace::End SynRace::give_up() {
  const auto found = std::ranges::find_if(lanes_, [](const auto& one) { return one->answered; });
  if (found != lanes_.end()) return take(**found);
  return {.fd = {}, .uplink = {}, .error = error_ == 0 ? ETIMEDOUT : error_};
}

void SynRace::decide(End end) {
  for (const auto& lane : lanes_) drop(*lane);
  const auto decided = std::move(decided_);
  decided(std::move(end));
}

SynRace::End SynRace::take(Lane& lane) {
  reactor_.forget(lane.fd.get(), lane);
  lane.answered = false;
  return {.fd = std::move(lane.fd), .uplink = lane.uplink, .error = 0};
}

void SynRace::drop(Lane& lane) {
  if (!lane.fd) return;
  reactor_.forget(lane.fd.get(), lane);
  kernel::let_close_reset(lane.fd.get());
  lane.fd.reset();
  lane.answered = false;
}

}  // namespace anabranch::proxy
