// SPDX-License-Identifier: MIT
#include "proxy/name_resolver.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <semaphore>
#include <thread>

#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

NameResolver::Answer ask(NameResolver& names, const std::string& name) {
  std::promise<NameResolver::Answer> answer;
  EXPECT_TRUE(names.resolve(name, [&](NameResolver::Answer got) { answer.set_value(got); }));
  return answer.get_future().get();
}

TEST(NameResolver, AsksThisMachine) {
  NameResolver names;
  const auto local = ask(names, "localhost");
  EXPECT_FALSE(local.addresses.empty());
}

TEST(NameResolver, OneSlowNameDoesNotKeepTheOthersWaiting) {
  std::binary_semaphore go_on(0);
  NameResolver names([&](const std::string& name) {
    if (name == "slow") go_on.acquire();
    return NameResolver::Answer{.addresses = {address("192.0.2.1")}};
  });
  std::promise<void> slow;
  ASSERT_TRUE(names.resolve("slow", [&](const NameResolver::Answer&) { slow.set_value(); }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(names, "quick").addresses.size(), 1u);
  go_on.release();
  slow.get_future().wait();
}

TEST(NameResolver, RefusesMoreThanItCanHold) {
  std::counting_semaphore<> go_on(0);
  std::atomic<std::size_t> begun = 0;
  std::atomic<std::size_t> answered = 0;
  std::promise<void> all;
  const auto most = NameResolver::kThreads + NameResolver::kMostWaiting;
  NameResolver names([&](const std::string&) {
    ++begun;
    go_on.acquire();
    return NameResolver::Answer{};
  });
  const auto done = [&](const NameResolver::Answer&) {
    if (++answered == most) all.set_value();
  };
  for (std::size_t i = 0; i < NameResolver::kThreads; ++i) ASSERT_TRUE(names.resolve("x", done));
  while (begun < NameResolver::kThreads) std::this_thread::yield();
  for (std::size_t i = 0; i < NameResolver::kMostWaiting; ++i)
    ASSERT_TRUE(names.resolve("x", done));
  EXPECT_FALSE(names.resolve("x", done));
  go_on.release(static_cast<std::ptrdiff_t>(most));
  all.get_future().wait();
}

TEST(NameResolver, NobodyIsCalledAfterItsEnd) {
  auto begun = std::make_shared<std::binary_semaphore>(0);
  auto go_on = std::make_shared<std::binary_semaphore>(0);
  auto called = std::make_shared<std::atomic<bool>>(false);
  {
    NameResolver names([=](const std::string&) {
      begun->release();
      go_on->acquire();
      return NameResolver::Answer{};
    });
    ASSERT_TRUE(names.resolve("x", [=](const NameResolver::Answer&) { *called = true; }));
    begun->acquire();
  }
  go_on->release();
  // The question goes when its thread has done with it.
  while (called.use_count() > 1) std::this_thread::yield();
  EXPECT_FALSE(*called);
}

}  // namespace
}  // namespace anabranch::proxy
