// SPDX-License-Identifier: MIT
// A thread of the data plane: an event loop. What lives on it is used on its thread only; the main
// thread asks for what it wants to know (see Service).
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "relay/reactor.hpp"
#include "relay/relay.hpp"

namespace anabranch::proxy {

void add(relay::RelayCounts& sum, const relay::RelayCounts& one);

/// 0: as many as there are processors for us.
unsigned worker_count(unsigned wanted);

/// Lets the process have as many descriptors as it may. Returns how many.
std::uint64_t raise_descriptor_limit();

class Worker {
 public:
  /// Signals stay with the main thread.
  static Result<std::unique_ptr<Worker>> start();
  /// Waits for the end of the thread.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Runs `callback` on the thread and waits for its end.
  void ask(const std::function<void(relay::Reactor&)>& callback) const;

 private:
  explicit Worker(std::unique_ptr<relay::Reactor> reactor) : reactor_(std::move(reactor)) {}

  std::unique_ptr<relay::Reactor> reactor_;
  std::thread thread_;
};

/// Those that get new connections. One that is no more among them lives on while a Service has
/// connections there.
using Workers = std::vector<std::shared_ptr<const Worker>>;

/// Starts what is missing to `count`, or takes the last ones out.
Result<void> resize(Workers& workers, std::size_t count);

}  // namespace anabranch::proxy
