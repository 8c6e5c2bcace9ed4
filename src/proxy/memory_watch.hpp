// SPDX-License-Identifier: MIT
// Tells a MemoryBudget what the connections of one worker thread have in their buffers, as long as
// there are any and there is a limit.
#pragma once

#include <cstdint>
#include <functional>

#include "proxy/memory_budget.hpp"
#include "relay/reactor.hpp"
#include "relay/relay.hpp"

namespace anabranch::proxy {

class MemoryWatch final : public relay::Reactor::Timer {
 public:
  /// What the connections hold that are being set up.
  using Waiting = std::function<std::uint64_t()>;

  /// `budget` null: nothing is looked at. It must outlive the watch, as the others.
  MemoryWatch(relay::Reactor& reactor, relay::Relays& relays, MemoryBudget* budget, Waiting waiting)
      : reactor_(reactor), relays_(relays), budget_(budget), waiting_(std::move(waiting)) {}
  ~MemoryWatch() override { tell(0); }

  /// A connection begins, or the limit has changed.
  void wake();

 private:
  void expired() override;
  void tell(std::uint64_t found);

  relay::Reactor& reactor_;
  relay::Relays& relays_;
  MemoryBudget* budget_;
  Waiting waiting_;
  std::uint64_t told_ = 0;
};

}  // namespace anabranch::proxy
