// SPDX-License-Identifier: MIT
#include "base/loop.hpp"

#include <list>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

namespace anabranch {
namespace {

struct WatchState : Loop::Handle::State, std::enable_shared_from_this<WatchState> {
  using Event = asio::posix::stream_descriptor::wait_type;
  WatchState(asio::io_context& io, int fd, Event e, Loop::Callback call)
      : descriptor(io, fd), event(e), callback(std::move(call)) {}

  void wait() {
    descriptor.async_wait(event, [self = shared_from_this()](const asio::error_code& error) {
      if (error || self->cancelled) return;
      self->callback();
      if (!self->cancelled) self->wait();
    });
  }

  void cancel() override {
    cancelled = true;
    // The descriptor belongs to someone else: give it back instead of closing it.
    if (descriptor.is_open()) descriptor.release();
  }

  asio::posix::stream_descriptor descriptor;
  Event event;
  Loop::Callback callback;
  bool cancelled = false;
};

struct TimerState : Loop::Handle::State {
  TimerState(asio::io_context& io, Loop::Callback call) : timer(io), callback(std::move(call)) {}

  void cancel() override {
    cancelled = true;
    timer.cancel();
  }

  asio::steady_timer timer;
  Loop::Callback callback;
  bool cancelled = false;
};

}  // namespace

struct Loop::Impl {
  asio::io_context io{1};
  std::list<asio::signal_set> signals;

  void wait_signal(asio::signal_set& set, const std::function<void(int)>& callback) {
    set.async_wait([this, &set, callback](const asio::error_code& error, int number) {
      if (error) return;
      callback(number);
      wait_signal(set, callback);
    });
  }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

Loop::Handle Loop::on_readable(int fd, Callback callback) {
  auto state = std::make_shared<WatchState>(
      impl_->io, fd, asio::posix::stream_descriptor::wait_read, std::move(callback));
  state->wait();
  return Handle(std::move(state));
}

Loop::Handle Loop::on_writable(int fd, Callback callback) {
  auto state = std::make_shared<WatchState>(
      impl_->io, fd, asio::posix::stream_descriptor::wait_write, std::move(callback));
  state->wait();
  return Handle(std::move(state));
}

Loop::Handle Loop::after(std::chrono::nanoseconds delay, Callback callback) {
  return at(std::chrono::steady_clock::now() +
                std::chrono::duration_cast<std::chrono::steady_clock::duration>(delay),
            std::move(callback));
}

Loop::Handle Loop::at(std::chrono::steady_clock::time_point when, Callback callback) {
  auto state = std::make_shared<TimerState>(impl_->io, std::move(callback));
  state->timer.expires_at(when);
  state->timer.async_wait([state](const asio::error_code& error) {
    if (!error && !state->cancelled) state->callback();
  });
  return Handle(std::move(state));
}

void Loop::post(Callback callback) {
  asio::post(impl_->io, std::move(callback));
}

void Loop::on_signal(std::initializer_list<int> signals, const std::function<void(int)>& callback) {
  auto& set = impl_->signals.emplace_back(impl_->io);
  for (const int number : signals) set.add(number);
  impl_->wait_signal(set, callback);
}

void Loop::run() {
  const auto guard = asio::make_work_guard(impl_->io);
  impl_->io.run();
  impl_->io.restart();
}

void Loop::stop() {
  impl_->io.stop();
}

}  // namespace anabranch
