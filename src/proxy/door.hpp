// SPDX-License-Identifier: MIT
// A listening socket on a reactor: hands on every connection that comes, a share at a time.
#pragma once

#include <functional>

#include "base/fd.hpp"
#include "kernel/stream_socket.hpp"
#include "relay/reactor.hpp"

namespace anabranch::proxy {

class Door final : public relay::Reactor::Watcher, public relay::Reactor::Timer {
 public:
  using Entered = std::function<void(kernel::Accepted)>;

  /// `starved` is called when the process has no descriptors or memory for one more; then nobody
  /// is let in for a moment.
  Door(relay::Reactor& reactor, UniqueFd listener, Entered entered, std::function<void()> starved);
  ~Door() override;

  void ready(std::uint32_t events) override;

 private:
  void expired() override;
  void let_in();

  relay::Reactor& reactor_;
  UniqueFd listener_;
  Entered entered_;
  std::function<void()> starved_;
};

}  // namespace anabranch::proxy
