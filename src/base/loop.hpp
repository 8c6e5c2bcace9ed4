// SPDX-License-Identifier: MIT
// The event loop of a control daemon: descriptors, timers, signals. A thin skin over asio's
// io_context that keeps asio's headers out of everyone else's compile. Control daemons react to
// events with a pure decision and have no long conversations to write down, so callbacks are the
// plain form here.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <utility>

namespace anabranch {

class Loop {
 public:
  using Callback = std::function<void()>;

  /// What keeps a callback alive: destroying or overwriting it cancels. Safe inside the callback.
  class Handle {
   public:
    struct State {
      virtual ~State() = default;
      virtual void cancel() = 0;
    };
    Handle() = default;
    explicit Handle(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Handle(Handle&&) = default;
    Handle& operator=(Handle&& other) noexcept {
      reset();
      state_ = std::move(other.state_);
      return *this;
    }
    ~Handle() { reset(); }
    void reset() {
      if (const auto state = std::exchange(state_, nullptr)) state->cancel();
    }
    explicit operator bool() const { return state_ != nullptr; }

   private:
    std::shared_ptr<State> state_;
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Calls back whenever `fd` is readable. The descriptor stays the caller's.
  [[nodiscard]] Handle on_readable(int fd, Callback callback);
  /// Whenever `fd` takes data. A descriptor is watched for one of both at a time.
  [[nodiscard]] Handle on_writable(int fd, Callback callback);
  /// Calls back once.
  [[nodiscard]] Handle after(std::chrono::nanoseconds delay, Callback callback);
  [[nodiscard]] Handle at(std::chrono::steady_clock::time_point when, Callback callback);
  /// Runs `callback` once, after the current one has returned.
  void post(Callback callback);
  /// For the life of the loop.
  void on_signal(std::initializer_list<int> signals, const std::function<void(int)>& callback);

  /// Until stop(); may be run again then.
  void run();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch
