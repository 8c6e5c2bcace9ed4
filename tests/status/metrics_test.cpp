// SPDX-License-Identifier: MIT
// Prometheus asks a role for its figures.
#include "status/metrics.hpp"

#include <atomic>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/config.hpp"
#include "base/fd.hpp"

namespace anabranch::status {
namespace {

constexpr MetricDefinition kUp{"anabranch_test_up", MetricType::kGauge, "Whether it is up."};
constexpr MetricDefinition kSeen{"anabranch_test_seen_total", MetricType::kCounter, "Things seen."};

/// A port that is free now.
std::uint16_t free_port() {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

std::string get(std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // A server that ends leaves a connection that no thread of it has taken yet open until the
  // process ends, which here is this one.
  const timeval patience{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "";
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string out;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
    out.append(buffer, static_cast<std::size_t>(got));
  return out;
}

class Metrics : public ::testing::Test {
 protected:
  void SetUp() override {
    address_ = {IpAddress::v4(0x7f000001), free_port()};
    auto server = MetricsServer::open(loop_, address_, [this] {
      on_loop_ = std::this_thread::get_id() == thread_.get_id();
      return std::vector<Metric>{{&kUp, {{"uplink", "say \"a\""}, {"index", "1"}}, 1},
                                 {&kSeen, {}, static_cast<double>(++asked_)}};
    });
    ASSERT_TRUE(server) << server.error().text();
    server_.emplace(*std::move(server));
  }
  void run() {
    thread_ = std::thread([this] {
      loop_.run();
      server_.reset();
    });
  }
  void TearDown() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Loop loop_;
  MetricsAddress address_;
  std::optional<MetricsServer> server_;
  std::atomic<bool> on_loop_ = false;
  int asked_ = 0;
  std::thread thread_;
};

TEST_F(Metrics, AreServedAsText) {
  run();
  const auto text = get(address_.port);
  EXPECT_NE(text.find("# HELP anabranch_test_up Whether it is up.\n"
                      "# TYPE anabranch_test_up gauge\n"
                      "anabranch_test_up{uplink=\"say \\\"a\\\"\",index=\"1\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("# TYPE anabranch_test_seen_total counter\nanabranch_test_seen_total 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("anabranch_build_info{version="), std::string::npos);
  EXPECT_TRUE(on_loop_) << "a role's state belongs to its loop";
}

TEST_F(Metrics, ABusyRoleMakesAScrapeEndWithoutFigures) {
  const auto text = get(address_.port);  // the loop does not run
  EXPECT_NE(text.find("200 OK"), std::string::npos);
  EXPECT_EQ(text.find("anabranch_"), std::string::npos);
}

TEST_F(Metrics, ARoleThatEndsDoesNotWaitForScrapes) {
  std::string text = "none";
  std::thread scraper([&] { text = get(address_.port); });
  const auto before = MonotonicClock::now();
  server_.reset();
  EXPECT_LT(MonotonicClock::now() - before, kScrapePatience);
  scraper.join();
  EXPECT_EQ(text.find("anabranch_test"), std::string::npos);
  run();  // a question that was posted finds nobody
}

TEST_F(Metrics, ATakenPortIsSaid) {
  const auto second = MetricsServer::open(loop_, address_, [] { return std::vector<Metric>{}; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ExitCode::kFailed);
  EXPECT_NE(second.error().text().find(address_.text()), std::string::npos);
  EXPECT_NE(second.error().what.find("Address already in use"), std::string::npos);
}

TEST(MetricsAddressText, IsAnAddressWithAPort) {
  const auto text = [](const char* written) {
    const auto address = parse_metrics_address(written);
    return address ? address->text() : "wrong";
  };
  EXPECT_EQ(text("127.0.0.1:9473"), "127.0.0.1:9473");
  EXPECT_EQ(text("9473"), "127.0.0.1:9473") << "a port alone is this machine's business";
  EXPECT_EQ(text("[::1]:9473"), "[::1]:9473");
  EXPECT_EQ(text("0.0.0.0:80"), "0.0.0.0:80");
  for (const char* wrong : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
                            "::1:9473", "[127.0.0.1]:9473", "localhost:9473", "[::1]9473"})
    EXPECT_EQ(text(wrong), "wrong") << wrong;
  EXPECT_TRUE(parse_metrics_address("127.1.2.3:1")->loopback());
  EXPECT_TRUE(parse_metrics_address("[::1]:1")->loopback());
  EXPECT_FALSE(parse_metrics_address("0.0.0.0:1")->loopback());
  EXPECT_FALSE(parse_metrics_address("[2001:db8::1]:1")->loopback());
}

TEST(MetricsSettings, AreOffUntilTheFileAsksForThem) {
  const auto none = config::Document::parse("", "role.toml");
  EXPECT_FALSE(read_metrics(none->root()));
  EXPECT_TRUE(none->finish());
  const auto one = config::Document::parse("[metrics]\nlisten = \"9473\"\n", "role.toml");
  EXPECT_EQ(read_metrics(one->root())->text(), "127.0.0.1:9473");
  EXPECT_TRUE(one->finish());
  const auto wrong = config::Document::parse("[metrics]\nlisten = \"here\"\n", "role.toml");
  EXPECT_FALSE(read_metrics(wrong->root()));
  ASSERT_FALSE(wrong->finish());
  EXPECT_NE(wrong->finish().error().text().find("role.toml:2:"), std::string::npos);
}

}  // namespace
}  // namespace anabranch::status
