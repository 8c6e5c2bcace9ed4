// SPDX-License-Identifier: MIT
// Exchanges on loopback inside a namespace of the test.
#include "lab/exchange.hpp"

#include <csignal>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process.hpp"
#include "kernel/rtnetlink.hpp"
#include "support/private_network.hpp"

namespace anabranch::lab {
namespace {

const Endpoint kServer = Endpoint::parse("127.0.0.1:7001").value();

ExchangeReport next_report(int fd) {
  std::string line;
  for (char octet = 0; ::read(fd, &octet, 1) == 1 && octet != '\n';) line += octet;
  const auto parsed = parse_exchange_report(line);
  EXPECT_TRUE(parsed) << line;
  return parsed.value_or(ExchangeReport{});
}

/// A process of its own, ended with the test, that listens once this is made.
class Listener {
 public:
  explicit Listener(bool server_first) : pipe_(kernel::make_pipe().value()) {
    pid_ = ::fork();
    if (pid_ == 0)
      ::_exit(run_exchange(
                  {.listen = true, .endpoint = kServer, .server_first = server_first, .via = {}},
                  pipe_.write.get())
                  ? 0
                  : 1);
    pipe_.write.reset();
    EXPECT_TRUE(next_report(pipe_.read.get()).listening);
  }
  ~Listener() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  kernel::Pipe pipe_;
  pid_t pid_ = 0;
};

ExchangeReport ask(const ExchangeOptions& options) {
  auto pipe = kernel::make_pipe().value();
  EXPECT_TRUE(run_exchange(options, pipe.write.get()));
  return next_report(pipe.read.get());
}

struct Exchanges : testing::Test {
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    auto netlink = kernel::Rtnetlink::open().value();
    ASSERT_TRUE(netlink.set_up(1, true));
  }
};

TEST_F(Exchanges, AreTimedAtBothEndsByOneClock) {
  const Listener listener(false);
  const auto report = ask({.endpoint = kServer, .via = {}, .count = 3, .pause = milliseconds(1)});
  EXPECT_EQ(report.failed, 0U);
  ASSERT_EQ(report.exchanges.size(), 3U);
  for (const auto& exchange : report.exchanges) {
    EXPECT_EQ(exchange.greeted_ns, 0);
    EXPECT_LT(exchange.syn_ns, exchange.request_ns);
    EXPECT_LT(exchange.request_ns, exchange.reply_ns);
    EXPECT_EQ(exchange.first_octet_ns(), exchange.reply_ns);
  }
}

TEST_F(Exchanges, TheServerMayGreetFirst) {
  const Listener listener(true);
  const auto report = ask({.endpoint = kServer, .server_first = true, .via = {}, .count = 2});
  ASSERT_EQ(report.exchanges.size(), 2U);
  for (const auto& exchange : report.exchanges) {
    EXPECT_LT(exchange.syn_ns, exchange.greeted_ns);
    EXPECT_LT(exchange.greeted_ns, exchange.request_ns);
    EXPECT_EQ(exchange.first_octet_ns(), exchange.greeted_ns);
  }
}

TEST(ExchangeReport, IsReadAsItWasWritten) {
  ExchangeReport report{.exchanges = {{1, 2, 3, 4}, {5, 0, 6, 7}},
                        .failed = 1,
                        .last_failure = "the connection ended early"};
  EXPECT_EQ(parse_exchange_report(format_exchange_report(report)).value(), report);
  EXPECT_TRUE(parse_exchange_report(
                  format_exchange_report({.listening = true, .exchanges = {}, .last_failure = {}}))
                  .value()
                  .listening);
}

TEST(ExchangeReport, AnythingElseIsAnError) {
  EXPECT_FALSE(parse_exchange_report("{\"exchanges\":[[1,2]]}"));
  EXPECT_FALSE(parse_exchange_report("hello"));
}

TEST(ExchangeArguments, GiveTheOptions) {
  EXPECT_EQ(exchange_arguments({.endpoint = Endpoint::parse("[2001:db8::1]:7001").value(),
                                .server_first = true,
                                .via = Endpoint::parse("198.18.9.9:1080").value(),
                                .count = 5,
                                .pause = milliseconds(30)}),
            (std::vector<std::string>{"--connect", "[2001:db8::1]:7001", "--server-first", "--via",
                                      "198.18.9.9:1080", "--count", "5", "--pause-ms", "30"}));
}

}  // namespace
}  // namespace anabranch::lab
