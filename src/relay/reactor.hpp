// SPDX-License-Identifier: MIT
// The event loop of the data plane: one thread, one epoll, edge-triggered, for tens of thousands of
// descriptors. Control daemons use base/loop.hpp, which is plainer; here a connection at rest may
// cost no more than its own few hundred octets, so watchers are objects of the caller and nothing
// is allocated for an event.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.hpp"

namespace anabranch::relay {

class TimerWheel;

/// Used on the thread that runs it, except post() and stop().
class Reactor {
 public:
  using Clock = std::chrono::steady_clock;

  /// Of one descriptor.
  class Watcher {
   public:
    /// `events` as epoll_wait gives them; 0 when again() asked for the call. The watcher may forget
    /// and destroy itself or any other.
    virtual void ready(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  /// A deadline of coarse resolution (1 ms), intrusive: starting and stopping allocates nothing.
  class Timer {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual ~Timer();
    bool running() const { return wheel_ != nullptr; }

   protected:
    /// Never early. It may start, stop and destroy itself or any other.
    virtual void expired() = 0;

   private:
    friend class TimerWheel;
    TimerWheel* wheel_ = nullptr;
    Timer* next_ = nullptr;
    Timer** link_ = nullptr;  ///< what points here
    std::int64_t due_ = 0;    ///< milliseconds of the wheel
  };

  static Result<std::unique_ptr<Reactor>> create();
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// `events` of epoll; EPOLLET is added. The descriptor stays the caller's.
  Result<void> watch(int fd, std::uint32_t events, Watcher& watcher);
  Result<void> change(int fd, std::uint32_t events, Watcher& watcher);
  /// Before the descriptor is closed; events of it that are under way are dropped.
  void forget(int fd, Watcher& watcher);
  /// Calls the watcher once more in the next turn, after the descriptors that are ready by then:
  /// for one that has more to do and leaves the others their share. Once a turn at most.
  void again(Watcher& watcher);

  /// Starts or moves it.
  void start(Timer& timer, std::chrono::milliseconds delay);
  void stop(Timer& timer);
  /// The time of this turn of the loop.
  Clock::time_point now() const;

  /// Runs `callback` on the loop's thread soon. Any thread may call it. What was not run when the
  /// reactor is destroyed is dropped.
  void post(std::function<void()> callback);
  /// Until stop(). Blocks SIGPIPE for this thread for good: a splice into a connection that was
  /// reset raises it, and has no flag against it.
  void run();
  /// Ends run() after the turn it is in, or the next one at once. Any thread may call it.
  void stop();

 private:
  struct Impl;
  explicit Reactor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::relay
