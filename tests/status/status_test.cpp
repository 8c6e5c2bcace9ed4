// SPDX-License-Identifier: MIT
#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "status/client.hpp"
#include "status/protocol.hpp"
#include "status/server.hpp"

namespace anabranch::status {
namespace {

class StatusSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() /
            ("anabranch-test-" + std::to_string(::getpid()) + ".sock");
    auto server = Server::open(loop_, path_, [this](const Request& request) -> Result<std::string> {
      if (request.verb == "show" && !request.argument.empty()) return '"' + request.argument + '"';
      if (request.verb == "show") return "{\"count\":" + std::to_string(count_) + "}";
      if (request.verb == "large") return '"' + std::string(kLarge, 'x') + '"';
      if (request.verb == "monitor") return "{}";
      return fail("unknown verb '" + request.verb + "'", {}, "try show", ExitCode::kBadInput);
    });
    ASSERT_TRUE(server) << server.error().text();
    server_.emplace(*std::move(server));
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }

  /// More than any socket buffers.
  static constexpr std::size_t kLarge = 4u << 20;

  Loop loop_;
  std::filesystem::path path_;
  std::optional<Server> server_;
  std::atomic<int> count_ = 1;
  std::thread thread_;
};

TEST_F(StatusSocket, AnswersAndPassesErrorsWithTheirHint) {
  EXPECT_EQ(ask(path_, "show").value(), R"({"count":1})");
  const auto refused = ask(path_, "dance");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().hint, "try show");
  EXPECT_EQ(refused.error().code, ExitCode::kBadInput);
}

TEST_F(StatusSocket, SubscribersGetTheStateAndEveryChange) {
  auto subscription = Subscription::open(path_);
  ASSERT_TRUE(subscription);
  EXPECT_EQ(subscription->next(seconds(5)).value(), R"({"count":1})");
  count_ = 2;
  loop_.post([this] { server_->publish(); });
  EXPECT_EQ(subscription->next(seconds(5)).value(), R"({"count":2})");
}

TEST_F(StatusSocket, ARequestMaySayWhatItIsAbout) {
  EXPECT_EQ(ask(path_, "show", seconds(5), "0x1").value(), R"("0x1")");
}

TEST_F(StatusSocket, AnAnswerThatFitsIntoNoBufferArrives) {
  const auto answer = ask(path_, "large");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->size(), kLarge + 2);
}

TEST_F(StatusSocket, WhoIsSlowToReadIsServedOnAfterwards) {
  const auto address = unix_address(path_);
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address),
            0);
  const std::string requests = format_request("large") + format_request("show");
  ASSERT_EQ(::send(client.get(), requests.data(), requests.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(requests.size()));
  EXPECT_TRUE(ask(path_, "show")) << "others do not wait for it";
  std::string got;
  char buffer[65536];
  const auto second = format_answer(R"({"count":1})");
  while (!got.ends_with(second)) {
    const auto size = ::recv(client.get(), buffer, sizeof buffer, 0);
    ASSERT_GT(size, 0);
    got.append(buffer, static_cast<std::size_t>(size));
  }
  EXPECT_GT(got.size(), kLarge);
  const auto last = format_request("show");
  ASSERT_EQ(::send(client.get(), last.data(), last.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(last.size()));
  EXPECT_GT(::recv(client.get(), buffer, sizeof buffer, 0), 0);
}

TEST_F(StatusSocket, WhoMonitorsGetsEventsAndNoStates) {
  auto monitor = Subscription::open(path_, "monitor");
  ASSERT_TRUE(monitor);
  EXPECT_EQ(monitor->next(seconds(5)).value(), "{}");
  loop_.post([this] {
    server_->publish();
    server_->publish_event(R"({"what":"created"})");
  });
  EXPECT_EQ(monitor->next(seconds(5)).value(), R"({"what":"created"})");
}

TEST_F(StatusSocket, EventsAreMadeOnlyForSomebody) {
  const auto monitored = [this] {
    std::promise<bool> out;
    loop_.post([&] { out.set_value(server_->monitored()); });
    return out.get_future().get();
  };
  auto subscription = Subscription::open(path_);
  ASSERT_TRUE(subscription->next(seconds(5)));
  EXPECT_FALSE(monitored());
  auto monitor = Subscription::open(path_, "monitor");
  ASSERT_TRUE(monitor->next(seconds(5)));
  EXPECT_TRUE(monitored());
}

TEST_F(StatusSocket, WhoMonitorsAndDoesNotReadIsDropped) {
  auto monitor = Subscription::open(path_, "monitor");
  ASSERT_TRUE(monitor->next(seconds(5)));
  loop_.post([this] {
    const std::string event = '"' + std::string(1u << 20, 'x') + '"';
    for (int i = 0; i < 20; ++i) server_->publish_event(event);
  });
  pollfd closed{monitor->fd(), POLLRDHUP, 0};
  EXPECT_EQ(::poll(&closed, 1, 5000), 1);
  EXPECT_TRUE(ask(path_, "show"));
}

TEST_F(StatusSocket, ASecondServerIsRefused) {
  Loop other;
  const auto second =
      Server::open(other, path_, [](const Request&) -> Result<std::string> { return "1"; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "it runs already");
}

// A request may change the state, as a reload does, and so reach the one who asked as a subscriber,
// too.
TEST(StatusServer, ASubscriberWhoDoesNotReadIsDroppedEvenByHisOwnRequest) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("anabranch-test-" + std::to_string(::getpid()) + ".sock");
  Loop loop;
  std::optional<Server> server;
  auto opened = Server::open(loop, path, [&](const Request& request) -> Result<std::string> {
    if (request.verb == "show") return '"' + std::string(1 << 20, 'x') + '"';
    for (int i = 0; i < 24; ++i) server->publish();
    return "1";
  });
  ASSERT_TRUE(opened) << opened.error().text();
  server.emplace(*std::move(opened));

  const auto address = unix_address(path);
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address),
            0);
  const std::string requests = format_request("subscribe") + format_request("reload");
  ASSERT_EQ(::send(client.get(), requests.data(), requests.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(requests.size()));
  std::thread thread([&] { loop.run(); });

  pollfd closed{client.get(), POLLRDHUP, 0};
  EXPECT_EQ(::poll(&closed, 1, 5000), 1);
  EXPECT_TRUE(ask(path, "show"));
  loop.stop();
  thread.join();
}

TEST(StatusClient, SaysWhenNobodyRuns) {
  const auto answer = ask("/nonexistent/anabranch/gateway.sock", "show");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ExitCode::kNotRunning);
}

}  // namespace
}  // namespace anabranch::status
