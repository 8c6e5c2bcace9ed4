// SPDX-License-Identifier: MIT
// The status server and clients that do wrong: silent, slow, too many, too loud, without rights.
#include <algorithm>
#include <filesystem>
#include <thread>
#include <vector>

#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "status/client.hpp"
#include "status/protocol.hpp"
#include "status/server.hpp"

namespace anabranch::status {
namespace {

using namespace std::chrono_literals;

class StatusLimits : public ::testing::Test {
 protected:
  void open(Server::Limits limits) {
    folder_ =
        std::filesystem::temp_directory_path() / ("anabranch-limits-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "role.sock";
    auto server = Server::open(
        loop_, path_,
        [](const Request& request) -> Result<std::string> {
          if (request.verb == "show") return "1";
          if (!request.privileged)
            return fail("only root may do this", {}, {}, ExitCode::kNotPermitted);
          return "2";
        },
        limits);
    ASSERT_TRUE(server) << server.error().text();
    server_.emplace(*std::move(server));
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  UniqueFd connect() const {
    const auto address = unix_address(path_);
    UniqueFd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
      out.reset();
    return out;
  }
  static void send(const UniqueFd& fd, std::string_view text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  static std::string receive(const UniqueFd& fd) {
    char buffer[256];
    const auto got = ::recv(fd.get(), buffer, sizeof buffer, 0);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }
  static bool closes(const UniqueFd& fd) {
    pollfd closed{fd.get(), POLLRDHUP, 0};
    return ::poll(&closed, 1, 5000) == 1;
  }

  Loop loop_;
  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::optional<Server> server_;
  std::thread thread_;
};

TEST_F(StatusLimits, OwnerAndGroupMayTalkToIt) {
  open({});
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
}

TEST_F(StatusLimits, WhoSaysNothingIsDroppedAndASubscriberIsNot) {
  open({.silence = 50ms});
  const auto silent = connect();
  const auto halting = connect();
  send(halting, "{\"ve");
  const auto subscriber = connect();
  send(subscriber, format_request("subscribe"));
  EXPECT_EQ(receive(subscriber), format_answer("1"));
  EXPECT_TRUE(closes(silent));
  EXPECT_TRUE(closes(halting)) << "half a request is none";
  loop_.post([this] { server_->publish(); });
  EXPECT_EQ(receive(subscriber), format_answer("1"));
}

TEST_F(StatusLimits, ARequestWithoutEndIsDropped) {
  open({});
  const auto loud = connect();
  const std::string text(kMaxRequest + 1, 'x');
  send(loud, text);
  EXPECT_TRUE(closes(loud));
  EXPECT_TRUE(ask(path_, "show"));
}

TEST_F(StatusLimits, AThousandConnectionsLeaveRoomForOneWhoAsks) {
  open({});
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < 1000; ++i) {
    auto fd = connect();
    ASSERT_TRUE(fd) << i;
    crowd.push_back(std::move(fd));
    if (i % 100 == 99) {
      EXPECT_TRUE(ask(path_, "show"));
    }
  }
  const auto closed = std::ranges::count_if(crowd, [](const UniqueFd& fd) {
    pollfd state{fd.get(), POLLRDHUP, 0};
    return ::poll(&state, 1, 0) == 1;
  });
  EXPECT_GE(closed, 1000 - 64);
}

TEST_F(StatusLimits, WhenAllSubscribeANewcomerWithTheSameRightsIsRefused) {
  open({.clients = 2});
  std::vector<UniqueFd> subscribers;
  for (int i = 0; i < 2; ++i) {
    subscribers.push_back(connect());
    send(subscribers.back(), format_request("subscribe"));
    EXPECT_EQ(receive(subscribers.back()), format_answer("1"));
  }
  EXPECT_TRUE(closes(connect()));
  loop_.post([this] { server_->publish(); });
  for (const auto& subscriber : subscribers) EXPECT_EQ(receive(subscriber), format_answer("1"));
}

std::chrono::nanoseconds processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

TEST_F(StatusLimits, WithoutDescriptorsItWaitsInsteadOfSpinning) {
  open({});
  ASSERT_TRUE(ask(path_, "show"));
  const UniqueFd waiting(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};  // every number below is in use
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto address = unix_address(path_);
  EXPECT_EQ(::connect(waiting.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address),
            0);
  send(waiting, format_request("show"));
  const auto started = processor_time();
  pollfd answered{waiting.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&answered, 1, 500), 0) << "there was a descriptor for it";
  EXPECT_LT(processor_time() - started, 100ms);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(::poll(&answered, 1, 5000), 1) << "it is served when there are descriptors again";
  EXPECT_EQ(receive(waiting), format_answer("1"));
}

TEST_F(StatusLimits, AMemberOfTheGroupMayLookAndNotChange) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become someone else";
  open({});
  constexpr uid_t kSomeone = 65533;
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // The socket's group is root's here; membership is all this user has of it.
    const gid_t group = 0;
    if (::setgroups(1, &group) != 0 || ::setresgid(kSomeone, kSomeone, kSomeone) != 0 ||
        ::setresuid(kSomeone, kSomeone, kSomeone) != 0)
      ::_exit(99);
    if (!ask(path_, "show")) ::_exit(98);
    const auto refused = ask(path_, "reload");
    ::_exit(refused ? 97 : static_cast<int>(refused.error().code));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(ExitCode::kNotPermitted));
  EXPECT_EQ(ask(path_, "reload").value(), "2") << "root may";
}

TEST(StatusClientLimits, AnAnswerOfTheWrongShapeIsAnErrorAndNoException) {
  for (const char* answer : {R"({"ok":"yes"})", R"({"ok":false,"error":[]})",
                             R"({"ok":false,"error":{"what":7}})", "[]", "", "{"})
    EXPECT_FALSE(parse_answer(answer)) << answer;
}

}  // namespace
}  // namespace anabranch::status
