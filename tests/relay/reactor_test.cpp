// SPDX-License-Identifier: MIT
#include "relay/reactor.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace anabranch::relay {
namespace {

using namespace std::chrono_literals;

/// A descriptor that another test step makes readable.
struct Bell final : Reactor::Watcher {
  Bell(Reactor& of, std::function<void(std::uint32_t)> callback)
      : reactor(of), fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), call(std::move(callback)) {
    EXPECT_TRUE(reactor.watch(fd.get(), EPOLLIN, *this));
  }
  ~Bell() { reactor.forget(fd.get(), *this); }
  void ring() const { EXPECT_EQ(::eventfd_write(fd.get(), 1), 0); }
  void ready(std::uint32_t events) override { call(events); }
  Reactor& reactor;
  UniqueFd fd;
  std::function<void(std::uint32_t)> call;
};

struct Alarm final : Reactor::Timer {
  explicit Alarm(std::function<void()> callback) : call(std::move(callback)) {}
  void expired() override { call(); }
  std::function<void()> call;
};

class ReactorTest : public ::testing::Test {
 protected:
  ReactorTest() : made_(Reactor::create()), reactor_(**made_) {}
  /// Runs until somebody says stop(), for 5 s at most.
  void run() {
    Alarm patience([&] {
      ADD_FAILURE() << "nothing stopped the reactor";
      reactor_.stop();
    });
    reactor_.start(patience, 5s);
    reactor_.run();
  }

  Result<std::unique_ptr<Reactor>> made_;
  Reactor& reactor_;
};

TEST_F(ReactorTest, TellsOfAnEventOnceAlthoughNobodyReads) {
  int told = 0;
  Bell bell(reactor_, [&](std::uint32_t events) {
    EXPECT_EQ(events, static_cast<std::uint32_t>(EPOLLIN));
    ++told;
  });
  Alarm end([&] { reactor_.stop(); });
  bell.ring();
  reactor_.start(end, 20ms);
  run();
  EXPECT_EQ(told, 1);
}

TEST_F(ReactorTest, AWatcherThatAnotherOneOfItsTurnDestroysHearsNothing) {
  std::array<std::unique_ptr<Bell>, 3> bells;
  std::vector<Bell*> all;
  int told = 0;
  for (auto& made : bells)
    made = std::make_unique<Bell>(reactor_, [&](std::uint32_t) {
      ++told;
      // All three, itself among them; what runs at the moment is kept until it has returned.
      std::shared_ptr<void> kept = std::make_shared<decltype(bells)>(std::move(bells));
      for (Bell* bell : all) reactor_.forget(bell->fd.get(), *bell);
      reactor_.post([this, kept] { reactor_.stop(); });
    });
  for (const auto& bell : bells) all.push_back(bell.get());
  for (const Bell* bell : all) bell->ring();
  run();
  EXPECT_EQ(told, 1);
}

TEST_F(ReactorTest, ADescriptorNumberUsedAgainInTheSameTurnHearsOnlyOfItsOwnEvents) {
  std::unique_ptr<Bell> second;
  std::unique_ptr<Bell> late;
  int told_late = 0;
  Bell first(reactor_, [&](std::uint32_t) {
    const int number = second->fd.get();
    second.reset();
    late = std::make_unique<Bell>(reactor_, [&](std::uint32_t) { ++told_late; });
    EXPECT_EQ(late->fd.get(), number);
  });
  second = std::make_unique<Bell>(reactor_, [](std::uint32_t) { FAIL() << "it is gone"; });
  Alarm end([&] { reactor_.stop(); });
  first.ring();
  second->ring();
  reactor_.start(end, 20ms);
  run();
  EXPECT_EQ(told_late, 0);
}

TEST_F(ReactorTest, WhoAsksForAnotherCallLetsTheOthersComeBefore) {
  std::vector<int> order;
  Bell quiet(reactor_, [&](std::uint32_t) { order.push_back(2); });
  Bell* self = nullptr;
  Bell busy(reactor_, [&](std::uint32_t events) {
    order.push_back(events == 0 ? 3 : 1);
    if (order.size() > 2) return reactor_.stop();
    if (events != 0) quiet.ring();
    reactor_.again(*self);
  });
  self = &busy;
  busy.ring();
  run();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST_F(ReactorTest, WhoIsForgottenGetsNoFurtherCall) {
  std::unique_ptr<Bell> asks;
  asks = std::make_unique<Bell>(reactor_, [&](std::uint32_t events) {
    EXPECT_NE(events, 0U);
    reactor_.again(*asks);
    reactor_.forget(asks->fd.get(), *asks);
  });
  Alarm end([&] { reactor_.stop(); });
  asks->ring();
  reactor_.start(end, 20ms);
  run();
}

TEST_F(ReactorTest, TimersComeInOrderAndNeverEarly) {
  const auto begin = Reactor::Clock::now();
  std::vector<int> order;
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (const int delay : {30, 1, 15, 70, 0}) {
    alarms.push_back(std::make_unique<Alarm>([&, delay] {
      EXPECT_GE(Reactor::Clock::now() - begin, std::chrono::milliseconds(delay));
      order.push_back(delay);
      if (delay == 70) reactor_.stop();
    }));
    reactor_.start(*alarms.back(), std::chrono::milliseconds(delay));
  }
  run();
  EXPECT_EQ(order, (std::vector{0, 1, 15, 30, 70}));
}

TEST_F(ReactorTest, AStoppedTimerStaysSilent) {
  Alarm silent([] { FAIL() << "it was stopped"; });
  Alarm end([&] { reactor_.stop(); });
  reactor_.start(silent, 5ms);
  reactor_.start(end, 20ms);
  reactor_.stop(silent);
  run();
}

TEST_F(ReactorTest, OtherThreadsPostAndEveryPostRunsInTheLoop) {
  constexpr int kEach = 2000;
  const auto loop = std::this_thread::get_id();
  int ran = 0;
  std::vector<std::jthread> threads;
  for (int number = 0; number < 4; ++number)
    threads.emplace_back([&] {
      for (int at = 0; at < kEach; ++at)
        reactor_.post([&] {
          EXPECT_EQ(std::this_thread::get_id(), loop);
          if (++ran == 4 * kEach) reactor_.stop();
        });
    });
  run();
  EXPECT_EQ(ran, 4 * kEach);
}

TEST_F(ReactorTest, AStopBeforeRunEndsTheNextRunAndNoLaterOne) {
  reactor_.stop();
  reactor_.run();
  bool ran = false;
  reactor_.post([&] {
    ran = true;
    reactor_.stop();
  });
  run();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace anabranch::relay
