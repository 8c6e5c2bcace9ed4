// SPDX-License-Identifier: MIT
// A listening socket on a reactor: hands on every connection that comes, a share at a time.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "kernel/stream_socket.hpp"
#include "relay/reactor.hpp"

namespace anabranch::proxy {

/// A listening socket that no thread watches (yet).
struct Listener {
  Endpoint endpoint;  ///< as it was asked for
  UniqueFd fd;
};

class Door final : public relay::Reactor::Watcher, public relay::Reactor::Timer {
 public:
  using Entered = std::function<void(kernel::Accepted)>;

  /// `starved` is called when the process has no descriptors or memory for one more; then nobody
  /// is let in for a moment.
  Door(relay::Reactor& reactor, Listener listener, Entered entered, std::function<void()> starved);
  ~Door() override;

  void ready(std::uint32_t events) override;
  /// The socket as it was. The door is of no use any more.
  Listener give_up();

 private:
  void expired() override;
  void let_in();

  relay::Reactor& reactor_;
  Listener listener_;
  Entered entered_;
  std::function<void()> starved_;
};

/// All that lead to one plane.
class Doors {
 public:
  Doors(relay::Reactor& reactor, Door::Entered entered, std::function<void()> starved)
      : reactor_(reactor), entered_(std::move(entered)), starved_(std::move(starved)) {}

  void open(std::vector<Listener> listeners);
  /// For another thread: who waits at one of these sockets is not lost.
  std::vector<Listener> give_up();
  /// Nobody new; what waits at the sockets is reset.
  void close() { doors_.clear(); }

 private:
  relay::Reactor& reactor_;
  Door::Entered entered_;
  std::function<void()> starved_;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace anabranch::proxy
