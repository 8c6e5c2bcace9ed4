// SPDX-License-Identifier: MIT
// A thread of the data plane: an event loop and the Plane that lives on it. Whatever a Plane has is
// used on its thread only; the main thread asks for what it wants to know.
#pragma once

#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "base/result.hpp"
#include "relay/reactor.hpp"
#include "relay/relay.hpp"

namespace anabranch::proxy {

void add(relay::RelayCounts& sum, const relay::RelayCounts& one);

/// 0: as many as there are processors for us.
unsigned worker_count(unsigned wanted);

/// Lets the process have as many descriptors as it may. Returns how many.
std::uint64_t raise_descriptor_limit();

template <class Plane>
class Worker {
 public:
  using Make = std::function<std::unique_ptr<Plane>(relay::Reactor&)>;

  /// `make` is called on the thread. Signals stay with the main thread.
  static Result<std::unique_ptr<Worker>> start(Make make) {
    auto reactor = relay::Reactor::create();
    if (!reactor) return std::unexpected(reactor.error());
    std::unique_ptr<Worker> out(new Worker(*std::move(reactor)));
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    out->thread_ = std::thread([worker = out.get(), make = std::move(make)] {
      worker->plane_ = make(*worker->reactor_);
      worker->reactor_->run();
      worker->plane_.reset();
    });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return out;
  }

  ~Worker() {
    reactor_->stop();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Runs `callback` on the thread and waits for its end.
  void ask(const std::function<void(Plane&)>& callback) {
    std::promise<void> done;
    reactor_->post([&] {
      callback(*plane_);
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  explicit Worker(std::unique_ptr<relay::Reactor> reactor) : reactor_(std::move(reactor)) {}

  std::unique_ptr<relay::Reactor> reactor_;
  std::unique_ptr<Plane> plane_;
  std::thread thread_;
};

}  // namespace anabranch::proxy
