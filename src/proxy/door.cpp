// SPDX-License-Identifier: MIT
#include "proxy/door.hpp"

#include <utility>

#include <sys/epoll.h>

#include "base/log.hpp"

namespace anabranch::proxy {
namespace {

/// Connections a turn: those that are open get their share, too.
constexpr int kTurn = 64;
constexpr std::chrono::milliseconds kStarvedPause{100};

}  // namespace

Door::Door(relay::Reactor& reactor, Listener listener, Entered entered,
           std::function<void()> starved)
    : reactor_(reactor),
      listener_(std::move(listener)),
      entered_(std::move(entered)),
      starved_(std::move(starved)) {
  if (const auto watched = reactor_.watch(listener_.fd.get(), EPOLLIN, *this); !watched)
    log::error("nobody is let in: {}", watched.error().text());
}

Door::~Door() {
  if (listener_.fd) reactor_.forget(listener_.fd.get(), *this);
}

Listener Door::give_up() {
  reactor_.forget(listener_.fd.get(), *this);
  reactor_.stop(*this);
  return std::move(listener_);
}

void Door::ready(std::uint32_t) {
  if (!running()) let_in();
}

void Door::expired() {
  let_in();
}

void Door::let_in() {
  for (int left = kTurn; left > 0; --left) {
    auto accepted = kernel::accept_from(listener_.fd.get());
    if (accepted.error != 0) {
      starved_();
      return reactor_.start(*this, kStarvedPause);
    }
    if (!accepted.fd) return;
    entered_(std::move(accepted));
  }
  reactor_.again(*this);
}

void Doors::open(std::vector<Listener> listeners) {
  for (auto& listener : listeners)
    doors_.push_back(std::make_unique<Door>(reactor_, std::move(listener), entered_, starved_));
}

std::vector<Listener> Doors::give_up() {
  std::vector<Listener> out;
  for (const auto& door : doors_) out.push_back(door->give_up());
  doors_.clear();
  return out;
}

}  // namespace anabranch::proxy
