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

Door::Door(relay::Reactor& reactor, UniqueFd listener, Entered entered,
           std::function<void()> starved)
    : reactor_(reactor),
      listener_(std::move(listener)),
      entered_(std::move(entered)),
      starved_(std::move(starved)) {
  if (const auto watched = reactor_.watch(listener_.get(), EPOLLIN, *this); !watched)
    log::error("nobody is let in: {}", watched.error().text());
}

Door::~Door() {
  reactor_.forget(listener_.get(), *this);
}

void Door::ready(std::uint32_t) {
  if (!running()) let_in();
}

void Door::expired() {
  let_in();
}

void Door::let_in() {
  for (int left = kTurn; left > 0; --left) {
    auto accepted = kernel::accept_from(listener_.get());
    if (accepted.error != 0) {
      starved_();
      return reactor_.start(*this, kStarvedPause);
    }
    if (!accepted.fd) return;
    entered_(std::move(accepted));
  }
  reactor_.again(*this);
}

}  // namespace anabranch::proxy
