// SPDX-License-Identifier: MIT
#include "lab/herd.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/mptcp_socket.hpp"
#include "kernel/process.hpp"
#include "kernel/rtnetlink.hpp"
#include "support/private_network.hpp"

namespace anabranch::lab {
namespace {

/// A herd in a process of its own, ended with the test.
class HerdProcess {
 public:
  explicit HerdProcess(const HerdOptions& options) : pipe_(kernel::make_pipe().value()) {
    pid_ = ::fork();
    if (pid_ == 0) ::_exit(run_herd(options, pipe_.write.get()) ? 0 : 1);
    pipe_.write.reset();
  }
  ~HerdProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  HerdProcess(const HerdProcess&) = delete;
  HerdProcess& operator=(const HerdProcess&) = delete;

  HerdReport report() {
    std::string line;
    for (char octet = 0; ::read(pipe_.read.get(), &octet, 1) == 1 && octet != '\n';) line += octet;
    const auto parsed = parse_herd_report(line);
    EXPECT_TRUE(parsed) << line;
    return parsed.value_or(HerdReport{});
  }

 private:
  kernel::Pipe pipe_;
  pid_t pid_ = 0;
};

struct Herds : testing::Test {
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    auto netlink = kernel::Rtnetlink::open().value();
    ASSERT_TRUE(netlink.set_up(1, true));
    if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP in this kernel";
  }
  HerdOptions to(HerdOptions options) {
    options.address = IpAddress::parse("127.0.0.1").value();
    options.ports = 2;
    return options;
  }
};

TEST_F(Herds, OpenAndHoldAsManyAsTold) {
  HerdProcess server(to({.listen = true}));
  ASSERT_TRUE(server.report().listening);
  HerdProcess clients(to({.connections = 200}));
  const auto report = clients.report();
  EXPECT_EQ(report.opened, 200u);
  EXPECT_EQ(report.failed, 0u);
}

TEST_F(Herds, WithoutDescriptorsEnoughTheNumberThatIsNeededIsTold) {
  const pid_t child = ::fork();
  if (child == 0) {
    // Nobody may raise the hard limit without this capability.
    rlimit limit{100, 100};
    bool ready = ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
    // Root of a user namespace, where that user does not exist, may not anyway.
    if (::setresuid(65534, 65534, 65534) != 0) ready = ready && errno == EINVAL;
    const auto refused = run_herd(to({.connections = 200}), STDOUT_FILENO);
    ::_exit(ready && !refused && refused.error().what.starts_with("234 descriptors are needed")
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Herds, ShortOnesFollowEachOther) {
  HerdProcess server(to({.listen = true}));
  ASSERT_TRUE(server.report().listening);
  HerdProcess clients(to({.duration = milliseconds(200), .at_once = 4}));
  const auto report = clients.report();
  EXPECT_GT(report.opened, 8u);
  EXPECT_EQ(report.failed, 0u);
  EXPECT_GE(report.seconds, 0.2);
}

TEST_F(Herds, WithoutAServerAllFail) {
  HerdProcess clients(to({.connections = 10}));
  const auto report = clients.report();
  EXPECT_EQ(report.opened, 0u);
  EXPECT_EQ(report.failed, 10u);
}

}  // namespace
}  // namespace anabranch::lab
