// SPDX-License-Identifier: MIT
#include "base/preload.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace anabranch {
namespace {

/// A directory of this test's own, removed at its end.
class PreloadFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "preloadXXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path file(const std::string& name, const std::string& content, mode_t mode) {
    const auto path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }

  std::filesystem::path directory_;
};

constexpr Credentials kUser{.user = 1000, .group = 1000};
constexpr Credentials kRoot{.user = 0, .group = 0};
const ExecutableFile kOrdinary{
    .path = "/bin/x", .interpreter = {}, .elf = true, .same_machine = true, .dynamic = true};

TEST_F(PreloadFiles, ThisProgramIsAnOrdinaryExecutable) {
  const auto self = inspect_executable("/proc/self/exe");
  ASSERT_TRUE(self);
  EXPECT_TRUE(self->elf);
  EXPECT_TRUE(self->same_machine);
  EXPECT_TRUE(self->dynamic);
  EXPECT_FALSE(preload_obstacle(*self, kUser));
}

TEST_F(PreloadFiles, ProgramWithoutDynamicLinkerIsSeenAsStatic) {
  // This program's own header with every segment's type taken away.
  std::ifstream self("/proc/self/exe", std::ios::binary);
  std::string header(64, 0);
  self.read(header.data(), 64);
  header[56] = header[57] = 0;  // e_phnum
  const auto found = inspect_executable(file("static", header, 0755)).value();
  EXPECT_TRUE(found.elf);
  EXPECT_FALSE(found.dynamic);
  EXPECT_NE(preload_obstacle(found, kUser).value().find("statically"), std::string::npos);
}

TEST_F(PreloadFiles, ProgramForAnotherWordSizeIsSeen) {
  std::string header(64, 0);
  header.replace(0, 5, "\177ELF\1");
  header[4] = sizeof(void*) == 8 ? 1 : 2;
  const auto found = inspect_executable(file("other", header, 0755)).value();
  EXPECT_NE(preload_obstacle(found, kUser).value().find("word size"), std::string::npos);
}

TEST_F(PreloadFiles, ScriptNamesItsInterpreter) {
  EXPECT_EQ(inspect_executable(file("a", "#!/bin/sh\necho\n", 0755))->interpreter, "/bin/sh");
  EXPECT_EQ(inspect_executable(file("b", "#! /usr/bin/env -S x", 0755))->interpreter,
            "/usr/bin/env");
  EXPECT_EQ(inspect_executable(file("c", "echo\n", 0755))->interpreter, "");
  EXPECT_EQ(inspect_executable(file("d", "#!", 0755))->interpreter, "");
}

TEST_F(PreloadFiles, SetUserIdBitIsRead) {
  EXPECT_TRUE(inspect_executable(file("s", "", 04755))->set_user_id);
  EXPECT_TRUE(inspect_executable(file("g", "", 02755))->set_group_id);
  EXPECT_FALSE(inspect_executable(file("l", "", 02645))->set_group_id);
}

TEST(PreloadObstacle, SetUserIdMattersWhenItChangesTheUser) {
  auto file = kOrdinary;
  EXPECT_FALSE(preload_obstacle(file, kUser));
  file.set_user_id = true;
  file.owner = 0;
  EXPECT_TRUE(preload_obstacle(file, kUser));
  EXPECT_FALSE(preload_obstacle(file, kRoot));
}

TEST(PreloadObstacle, SetGroupIdMattersWhenItChangesTheGroup) {
  auto file = kOrdinary;
  file.set_group_id = true;
  file.group = 42;
  EXPECT_TRUE(preload_obstacle(file, kUser));
  file.group = kUser.group;
  EXPECT_FALSE(preload_obstacle(file, kUser));
}

TEST(PreloadObstacle, FileCapabilitiesMatterToOthersThanRoot) {
  auto file = kOrdinary;
  file.capabilities = true;
  EXPECT_TRUE(preload_obstacle(file, kUser));
  EXPECT_FALSE(preload_obstacle(file, kRoot));
}

TEST(PreloadValue, LibraryComesFirstAndTheOthersStay) {
  EXPECT_EQ(preload_value("/l/a.so", "").value(), "/l/a.so");
  EXPECT_EQ(preload_value("/l/a.so", "/x.so /y.so").value(), "/l/a.so:/x.so /y.so");
  EXPECT_EQ(preload_value("/l/a.so", "/x.so:/l/a.so").value(), "/x.so:/l/a.so");
  EXPECT_EQ(preload_value("/l/a.so", "/l/a.so.1").value(), "/l/a.so:/l/a.so.1");
}

TEST(PreloadValue, PathThatLdPreloadCannotHoldIsRefused) {
  EXPECT_FALSE(preload_value("/my files/a.so", ""));
  EXPECT_FALSE(preload_value("/a:b/a.so", ""));
}

TEST_F(PreloadFiles, CommandIsFoundAlongThePath) {
  file("one/tool", "", 0644);
  const auto second = file("two/tool", "", 0755);
  const auto path = (directory_ / "one").string() + ":" + (directory_ / "two").string();
  EXPECT_EQ(find_command("tool", path).value(), second);
  EXPECT_EQ(find_command(second.string(), "").value(), second);
}

TEST_F(PreloadFiles, MissingAndUnusableCommandsHaveTheShellsExitCodes) {
  const auto plain = file("one/tool", "", 0644);
  const auto path = (directory_ / "one").string();
  EXPECT_EQ(find_command("tool", path).error().code, kCommandNotExecutable);
  EXPECT_EQ(find_command(plain.string(), "").error().code, kCommandNotExecutable);
  EXPECT_EQ(find_command(directory_.string(), "").error().code, kCommandNotExecutable);
  EXPECT_EQ(find_command("other", path).error().code, kCommandNotFound);
  EXPECT_EQ(find_command("", path).error().code, kCommandNotFound);
  EXPECT_EQ(find_command("/no/such/file", "").error().code, kCommandNotFound);
}

}  // namespace
}  // namespace anabranch
