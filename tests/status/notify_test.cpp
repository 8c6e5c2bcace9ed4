// SPDX-License-Identifier: MIT
#include "status/notify.hpp"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "status/protocol.hpp"

namespace anabranch::status {
namespace {

/// Plays the service manager: listens where NOTIFY_SOCKET says.
class Notify : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() /
            ("anabranch-notify-" + std::to_string(::getpid()) + ".sock");
    ::unlink(path_.c_str());
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto address = unix_address(path_).value();
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
    std::filesystem::remove(path_);
  }

  /// What has come by now.
  std::vector<std::string> heard() {
    std::vector<std::string> out;
    char buffer[512];
    for (ssize_t got; (got = ::recv(socket_.get(), buffer, sizeof buffer, 0)) >= 0;)
      out.emplace_back(buffer, static_cast<std::size_t>(got));
    return out;
  }

  std::filesystem::path path_;
  UniqueFd socket_;
  Loop loop_;
};

using Messages = std::vector<std::string>;

TEST_F(Notify, ReadyIsSaidOnceAndAStatusOnlyWhenItChanges) {
  ServiceManager manager(loop_);
  EXPECT_EQ(heard(), Messages{});
  manager.say("1 of 2 uplinks up");
  manager.ready();
  manager.ready();
  manager.say("1 of 2 uplinks up");
  manager.say("2 of 2 uplinks up");
  manager.stopping();
  EXPECT_EQ(heard(), (Messages{"STATUS=1 of 2 uplinks up", "READY=1", "STATUS=2 of 2 uplinks up",
                               "STOPPING=1"}));
}

TEST_F(Notify, AReloadTellsWhenItBeganAndThatItIsOver) {
  ServiceManager manager(loop_);
  manager.ready();
  heard();
  const auto before = MonotonicClock::now().time_since_epoch();
  { const ServiceManager::Reload reload(manager); }
  const auto messages = heard();
  ASSERT_EQ(messages.size(), 2u);
  const std::string start = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_TRUE(messages[0].starts_with(start)) << messages[0];
  const auto began = std::chrono::microseconds(std::stoll(messages[0].substr(start.size())));
  EXPECT_GE(began, std::chrono::duration_cast<std::chrono::microseconds>(before));
  EXPECT_LE(began, MonotonicClock::now().time_since_epoch());
  EXPECT_EQ(messages[1], "READY=1");
}

TEST_F(Notify, AReloadBeforeTheRoleIsReadyDoesNotMakeItReady) {
  ServiceManager manager(loop_);
  { const ServiceManager::Reload reload(manager); }
  EXPECT_EQ(heard().size(), 1u);
}

TEST_F(Notify, ReadyAtLastThoughSomethingIsMissing) {
  ServiceManager manager(loop_);
  manager.ready_at_last(milliseconds(1));
  EXPECT_EQ(heard(), Messages{});
  const auto end = loop_.after(milliseconds(50), [this] { loop_.stop(); });
  loop_.run();
  EXPECT_EQ(heard(), Messages{"READY=1"});
}

TEST_F(Notify, TheLoopFeedsTheWatchdogAtHalfItsInterval) {
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  ServiceManager manager(loop_);
  const auto end = loop_.after(milliseconds(105), [this] { loop_.stop(); });
  loop_.run();
  const auto signs = heard();
  EXPECT_GE(signs.size(), 3u);  // 11 on an idle machine
  EXPECT_LE(signs.size(), 11u);
  for (const auto& sign : signs) EXPECT_EQ(sign, "WATCHDOG=1");
}

TEST_F(Notify, AWatchdogMeantForAnotherProcessIsNotFed) {
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  ServiceManager manager(loop_);
  EXPECT_EQ(heard(), Messages{});
}

TEST_F(Notify, WithoutAServiceManagerNothingIsSaid) {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceManager manager(loop_);
  manager.ready();
  manager.say("up");
  EXPECT_EQ(heard(), Messages{});
}

}  // namespace
}  // namespace anabranch::status
