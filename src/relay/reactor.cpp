// SPDX-License-Identifier: MIT
// A turn: wait; the watchers whose descriptors are ready; those that asked for one more call; the
// timers. The kernel hands out events in batches, and a watcher may forget others of its batch:
// forget() strikes them from what is left of it.
#include "relay/reactor.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <mutex>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "relay/timer_wheel.hpp"

namespace anabranch::relay {
namespace {

constexpr std::size_t kBatch = 128;

}  // namespace

struct Reactor::Impl {
  UniqueFd epoll;
  UniqueFd wake;
  TimerWheel wheel;
  const Clock::time_point origin = Clock::now();
  Clock::time_point now = origin;

  std::array<epoll_event, kBatch> batch{};
  std::size_t next_in_batch = 0;
  std::size_t batch_end = 0;
  std::vector<Watcher*> again;
  std::vector<Watcher*> again_now;

  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;

  Result<void> control(int operation, int fd, std::uint32_t events, Watcher* watcher) const;
  void awake() const;
  int patience() const;
  void turn();
  void dispatch();
  void run_posted();
  std::int64_t since_origin(Clock::time_point at) const {
    return std::chrono::floor<std::chrono::milliseconds>(at - origin).count();
  }
};

Result<void> Reactor::Impl::control(int operation, int fd, std::uint32_t events,
                                    Watcher* watcher) const {
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.ptr = watcher;
  if (::epoll_ctl(epoll.get(), operation, fd, &event) != 0)
    return fail_errno("cannot watch a descriptor");
  return {};
}

void Reactor::Impl::awake() const {
  const std::uint64_t one = 1;
  // A counter that is full wakes as well.
  [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof one);
}

int Reactor::Impl::patience() const {
  if (!again.empty() || stopping.load(std::memory_order_acquire)) return 0;
  const auto due = wheel.next();
  if (!due) return -1;
  const auto left = *due - since_origin(Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

void Reactor::Impl::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake.get(), &count, sizeof count);
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex);
    callbacks.swap(posted);
  }
  for (const auto& callback : callbacks) callback();
}

void Reactor::Impl::dispatch() {
  // Who asks for another call from now on gets it in the next turn.
  again_now.swap(again);
  // Indexes, as a watcher may strike what comes after it.
  while (next_in_batch < batch_end) {
    const auto [events, data] = batch[next_in_batch++];
    if (data.ptr == this)
      run_posted();
    else if (data.ptr != nullptr)
      static_cast<Watcher*>(data.ptr)->ready(events);
  }
  for (std::size_t at = 0; at < again_now.size(); ++at)
    if (Watcher* watcher = std::exchange(again_now[at], nullptr)) watcher->ready(0);
  again_now.clear();
}

void Reactor::Impl::turn() {
  const int ready = ::epoll_wait(epoll.get(), batch.data(), kBatch, patience());
  now = Clock::now();
  next_in_batch = 0;
  batch_end = static_cast<std::size_t>(std::max(ready, 0));  // EINTR: nothing was ready
  dispatch();
  wheel.advance(since_origin(now));
}

Reactor::Reactor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reactor::~Reactor() = default;

Result<std::unique_ptr<Reactor>> Reactor::create() {
  auto impl = std::make_unique<Impl>();
  impl->epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!impl->epoll) return fail_errno("cannot make an epoll instance");
  impl->wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl->wake) return fail_errno("cannot make an eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = impl.get();
  if (::epoll_ctl(impl->epoll.get(), EPOLL_CTL_ADD, impl->wake.get(), &event) != 0)
    return fail_errno("cannot watch an eventfd");
  return std::unique_ptr<Reactor>(new Reactor(std::move(impl)));
}

Result<void> Reactor::watch(int fd, std::uint32_t events, Watcher& watcher) {
  return impl_->control(EPOLL_CTL_ADD, fd, events, &watcher);
}

Result<void> Reactor::change(int fd, std::uint32_t events, Watcher& watcher) {
  return impl_->control(EPOLL_CTL_MOD, fd, events, &watcher);
}

void Reactor::forget(int fd, Watcher& watcher) {
  ::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t at = impl_->next_in_batch; at < impl_->batch_end; ++at)
    if (impl_->batch[at].data.ptr == &watcher) impl_->batch[at].data.ptr = nullptr;
  std::ranges::replace(impl_->again_now, &watcher, nullptr);
  std::erase(impl_->again, &watcher);
}

void Reactor::again(Watcher& watcher) {
  impl_->again.push_back(&watcher);
}

void Reactor::start(Timer& timer, std::chrono::milliseconds delay) {
  // Rounded up, so that no deadline comes early.
  const auto from = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - impl_->origin);
  impl_->wheel.start(timer, (from + delay).count());
}

void Reactor::stop(Timer& timer) {
  impl_->wheel.stop(timer);
}

Reactor::Clock::time_point Reactor::now() const {
  return impl_->now;
}

void Reactor::post(std::function<void()> callback) {
  bool first = false;
  {
    const std::lock_guard lock(impl_->mutex);
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(callback));
  }
  if (first) impl_->awake();
}

void Reactor::run() {
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  while (!impl_->stopping.exchange(false, std::memory_order_acq_rel)) impl_->turn();
}

void Reactor::stop() {
  impl_->stopping.store(true, std::memory_order_release);
  impl_->awake();
}

}  // namespace anabranch::relay
