// SPDX-License-Identifier: MIT
// [single] and [[local]], and what they stand in for.
#include "proxy/local_settings.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/cpe_settings.hpp"
#include "proxy/local_access.hpp"

namespace anabranch::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kBefore = "[cpe]\n[[converter]]\nname = \"one\"\naddress = \"198.51.100.9\"\n";

CpeSettings parse(const std::string& more, bool single = false) {
  const auto out = parse_cpe_settings(kBefore + more, "t", single);
  EXPECT_TRUE(out) << out.error().text();
  return out.value_or(CpeSettings{});
}

std::string complaint(const std::string& more) {
  const auto settings = parse_cpe_settings(kBefore + more, "t");
  return settings ? "" : settings.error().text();
}

TEST(SingleSettings, StandInForALan) {
  EXPECT_THAT(complaint(""), HasSubstr("'lan' is missing in [cpe]"));
  EXPECT_TRUE(parse("[single]\n").single);
  EXPECT_TRUE(parse("", true).single) << "the command line says so";
  EXPECT_FALSE(parse("[[local]]\nlisten = \"127.0.0.1:1080\"\n").single);
}

TEST(SingleSettings, UsersAreNamesNumbersOrRanges) {
  const auto single = parse("[single]\nuids = [\"root\", \"1000\", \"10000-19999\"]\n").single;
  ASSERT_TRUE(single);
  EXPECT_THAT(single->users,
              ElementsAre(UserRange{0, 0}, UserRange{1000, 1000}, UserRange{10000, 19999}));
  for (const auto* wrong : {"no such user", "-1", "5-", "9-3", "0x10", "1-2-3"})
    EXPECT_THAT(complaint("[single]\nuids = [\"" + std::string(wrong) + "\"]\n"),
                HasSubstr("there is no user '" + std::string(wrong) + "'"));
}

TEST(SingleSettings, ACgroupIsAPathAndNoPlaceForMore) {
  EXPECT_THAT(parse("[single]\ncgroups = [\"/user.slice\"]\n").single->cgroups,
              ElementsAre("/user.slice"));
  for (const auto* wrong : {"user.slice", "/", "/a/", "/a/../b", "/a\\\" accept", "/a//b"})
    EXPECT_THAT(complaint("[single]\ncgroups = [\"" + std::string(wrong) + "\"]\n"),
                HasSubstr("is not the path of a cgroup"));
}

TEST(LocalSettings, ServeThisMachineAloneUnlessTold) {
  const auto local = parse("[[local]]\nlisten = \"127.0.0.1:1080\"\n").local;
  ASSERT_EQ(local.size(), 1u);
  EXPECT_EQ(local[0].protocol, LocalProtocol::kSocks5);
  EXPECT_THAT(local[0].clients,
              ElementsAre(IpPrefix::parse("127.0.0.0/8").value(), IpPrefix::parse("::1").value()));
}

TEST(LocalSettings, AreNeverOpenToEverybody) {
  const std::string open = "[[local]]\nlisten = \"0.0.0.0:1080\"\nclients = [\"0.0.0.0/0\"]\n";
  EXPECT_THAT(complaint(open), HasSubstr("0.0.0.0/0 makes this a proxy open to everybody"));
  EXPECT_EQ(complaint(open + "users_file = \"/etc/anabranch/cpe.users\"\n"), "");
}

TEST(LocalSettings, TellWhatIsWrong) {
  EXPECT_THAT(complaint("[[local]]\nlisten = \"1080\"\n"), HasSubstr("not an address with a port"));
  EXPECT_THAT(complaint("[[local]]\nlisten = \"127.0.0.1:80\"\n"
                        "[[local]]\nlisten = \"127.0.0.1:80\"\n"),
              HasSubstr("127.0.0.1:80 is there twice"));
  EXPECT_THAT(complaint("[[local]]\nlisten = \"127.0.0.1:80\"\nprotocol = \"http\"\n"
                        "users_file = \"/x\"\n"),
              HasSubstr("'users_file' has no meaning beside protocol = \"http\""));
}

class UsersFile : public ::testing::Test {
 protected:
  void SetUp() override { write(""); }
  void TearDown() override { std::filesystem::remove(file_); }
  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(file_) << text;
    ::chmod(file_.c_str(), mode);
  }

  const std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("anabranch-users-" + std::to_string(::getpid()));
};

TEST_F(UsersFile, HasAPasswordForEachName) {
  write("# who may pass\nalice:very:secret\n\nbob:\n");
  const auto users = load_local_users(file_);
  ASSERT_TRUE(users) << users.error().text();
  EXPECT_TRUE(password_holds(*users, "alice", "very:secret"));
  EXPECT_TRUE(password_holds(*users, "bob", ""));
  EXPECT_FALSE(password_holds(*users, "alice", "very:secreT"));
  EXPECT_FALSE(password_holds(*users, "alice", "very:secret "));
  EXPECT_FALSE(password_holds(*users, "# who may pass", ""));
  EXPECT_FALSE(password_holds(*users, "carol", ""));
}

TEST_F(UsersFile, IsNotForEverybodyToRead) {
  write("alice:secret\n", 0644);
  EXPECT_THAT(load_local_users(file_).error().text(), HasSubstr("everybody can read"));
}

TEST_F(UsersFile, ALineWithoutAPasswordIsAMistake) {
  write("alice:secret\nbob\n");
  EXPECT_THAT(load_local_users(file_).error().text(), HasSubstr(":2: this is no user"));
}

LocalAccess access_to(const CpeSettings& settings, std::string_view where) {
  return local_access(settings, IpAddress::parse("127.0.0.1").value(),
                      Endpoint::parse(where).value());
}

TEST(LocalAccess, IsWhatATakenConnectionWouldGet) {
  const auto settings = parse(
      "[[local]]\nlisten = \"127.0.0.1:1080\"\n"
      "[[rule]]\nname = \"mail\"\naction = \"reject\"\nports = [\"25\"]\n"
      "[[rule]]\nname = \"office\"\naction = \"convert\"\nto = [\"10.0.0.0/8\"]\n");
  EXPECT_EQ(access_to(settings, "203.0.113.5:80").action, RuleAction::kConvert);
  EXPECT_EQ(access_to(settings, "203.0.113.5:25").action, RuleAction::kReject);
  EXPECT_EQ(access_to(settings, "203.0.113.5:25").rule, &settings.rules[0]);
  EXPECT_EQ(access_to(settings, "10.1.2.3:80").action, RuleAction::kConvert);
  EXPECT_EQ(access_to(settings, "192.168.1.1:80").reason, "private");
  EXPECT_EQ(access_to(settings, "192.168.1.1:80").action, RuleAction::kDirect);
  EXPECT_EQ(access_to(settings, "198.51.100.9:5124").action, RuleAction::kDirect);
}

TEST(LocalAccess, IsNoWayToWhatListensOnLoopback) {
  const auto settings = parse("[[local]]\nlisten = \"127.0.0.1:1080\"\n");
  for (const auto* where : {"127.0.0.1:22", "[::1]:22", "0.0.0.0:22", "[::ffff:127.0.0.1]:22",
                            "224.0.0.1:22", "[fe80::1]:22", "169.254.169.254:80"})
    EXPECT_EQ(access_to(settings, where).action, RuleAction::kReject) << where;
}

}  // namespace
}  // namespace anabranch::proxy
