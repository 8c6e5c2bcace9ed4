// SPDX-License-Identifier: MIT
#include "kernel/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace anabranch::kernel {
namespace {

TEST(RunCommand, FeedsInputAndKeepsBothOutputsApart) {
  const auto done = run_command({.argv = {"sh", "-c", "cat; echo oops >&2; exit 3"}}, "hello");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->output, "hello");
  EXPECT_EQ(done->errors, "oops\n");
  EXPECT_EQ(done->exit_code, 3);
}

TEST(RunCommand, LargeOutputDoesNotBlock) {
  const std::string input(1 << 20, 'x');
  const auto done = run_command({.argv = {"cat"}}, input);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->output, input);
}

TEST(RunCommand, KillsWhatDoesNotEnd) {
  const auto done = run_command({.argv = {"sleep", "60"}}, {}, milliseconds(100));
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("did not finish"), std::string::npos);
}

TEST(Spawn, SaysWhenTheProgramIsNotThere) {
  const auto process = spawn({.argv = {"no-such-program-here"}});
  ASSERT_FALSE(process);
  EXPECT_NE(process.error().what.find("no-such-program-here"), std::string::npos);
}

TEST(Spawn, DestroyingTheHandleEndsTheChild) {
  pid_t pid = 0;
  {
    auto process = spawn({.argv = {"sleep", "60"}});
    ASSERT_TRUE(process);
    pid = process->pid();
    EXPECT_FALSE(process->wait(nanoseconds(0)));
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace anabranch::kernel
