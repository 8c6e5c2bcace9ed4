// SPDX-License-Identifier: MIT
#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::status {
namespace {

class StatusSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() /
            ("anabranch-test-" + std::to_string(::getpid()) + ".sock");
    auto server = Server::open(loop_, path_, [this](const Request& request) -> Result<std::string> {
      if (request.verb == "show") return "{\"count\":" + std::to_string(count_) + "}";
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

TEST_F(StatusSocket, ASecondServerIsRefused) {
  Loop other;
  const auto second =
      Server::open(other, path_, [](const Request&) -> Result<std::string> { return "1"; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "it runs already");
}

TEST(StatusClient, SaysWhenNobodyRuns) {
  const auto answer = ask("/nonexistent/anabranch/gateway.sock", "show");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ExitCode::kNotRunning);
}

}  // namespace
}  // namespace anabranch::status
