// SPDX-License-Identifier: MIT
#include "paths/supervisor.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/process.hpp"
#include "paths/hand_over.hpp"
#include "support/two_hosts.hpp"

namespace anabranch::paths {
namespace {

using test::must;
using enum kernel::PathManagerType;

/// The worker says its process id and waits for what comes; it stops in order by SIGTERM.
class Supervisor : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace of our own";
    std::string name = "/tmp/anabranch-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ::setenv("RUNTIME_DIRECTORY", name.c_str(), 1);
    pipe_ = must(kernel::make_pipe());
    parent_ = ::fork();
    if (parent_ == 0) {
      const auto ended = supervise([this] { return work(); });
      ::_exit(ended ? static_cast<int>(*ended) : 99);
    }
    ASSERT_EQ(::read(pipe_.read.get(), &worker_, sizeof worker_), ssize_t{sizeof worker_});
    ASSERT_EQ(must(kernel::path_manager_type()), kUserspace);
  }
  void TearDown() override {
    if (worker_ > 0) ::kill(worker_, SIGKILL);
    if (parent_ > 0) ::waitpid(parent_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }

  Result<void> work() {
    static volatile sig_atomic_t stop;
    for (const int number : {SIGTERM, SIGINT}) ::signal(number, [](int) { stop = 1; });
    ANABRANCH_TRY(take_over());
    const pid_t self = ::getpid();
    if (::write(pipe_.write.get(), &self, sizeof self) != ssize_t{sizeof self}) return {};
    while (!stop) ::poll(nullptr, 0, 5);
    return hand_back();
  }
  int exit_code() {
    int status = 0;
    ::waitpid(std::exchange(parent_, -1), &status, 0);
    worker_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::filesystem::path directory_;
  kernel::Pipe pipe_;
  pid_t parent_ = -1;
  pid_t worker_ = -1;
};

TEST_F(Supervisor, AWorkerThatIsKilledIsReplacedByTheKernel) {
  ::kill(worker_, SIGKILL);
  EXPECT_EQ(exit_code(), static_cast<int>(ExitCode::kFailed));
  EXPECT_EQ(must(kernel::path_manager_type()), kKernel);
}

TEST_F(Supervisor, AWorkerWhoseParentIsKilledHandsBackAndEnds) {
  ::kill(parent_, SIGKILL);
  EXPECT_EQ(exit_code(), 128 + SIGKILL);
  EXPECT_TRUE(test::eventually([] { return must(kernel::path_manager_type()) == kKernel; }));
}

TEST_F(Supervisor, AnOrderlyStopIsHandedOn) {
  ::kill(parent_, SIGTERM);
  EXPECT_EQ(exit_code(), static_cast<int>(ExitCode::kOk));
  EXPECT_EQ(must(kernel::path_manager_type()), kKernel);
}

TEST_F(Supervisor, WithoutASignOfLifeTheWorkerIsKilled) {
  ::kill(worker_, SIGSTOP);
  ::kill(parent_, SIGABRT);
  EXPECT_EQ(exit_code(), static_cast<int>(ExitCode::kFailed));
  EXPECT_EQ(must(kernel::path_manager_type()), kKernel);
}

}  // namespace
}  // namespace anabranch::paths
