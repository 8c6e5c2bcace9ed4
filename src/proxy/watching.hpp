// SPDX-License-Identifier: MIT
// An object with several descriptors and timers on a reactor: each calls a function of its own.
#pragma once

#include <cstdint>

#include "relay/reactor.hpp"

namespace anabranch::proxy {

template <class Owner, void (Owner::*Handle)(std::uint32_t)>
class WatchedSide final : public relay::Reactor::Watcher {
 public:
  explicit WatchedSide(Owner& owner) : owner_(owner) {}
  void ready(std::uint32_t events) override { (owner_.*Handle)(events); }

 private:
  Owner& owner_;
};

template <class Owner, void (Owner::*Handle)()>
class Alarm final : public relay::Reactor::Timer {
 public:
  explicit Alarm(Owner& owner) : owner_(owner) {}

 private:
  void expired() override { (owner_.*Handle)(); }
  Owner& owner_;
};

}  // namespace anabranch::proxy
