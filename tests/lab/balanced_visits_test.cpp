// SPDX-License-Identifier: MIT
// Downloads against a server that does what the test says.
#include <array>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/mptcp_socket.hpp"
#include "kernel/process.hpp"
#include "kernel/rtnetlink.hpp"
#include "lab/balanced_downloads.hpp"
#include "lab/balanced_roles.hpp"
#include "support/private_network.hpp"

namespace anabranch::lab {
namespace {

const Piece kPiece = make_piece(5000);

std::string reply_of_server(unsigned server, const std::string& body = kPiece.octets) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kPiece.octets.size()) +
         "\r\nX-Server: " + std::to_string(server) + "\r\n\r\n" + body;
}

/// Answers every request of every connection with what `reply` gives for its number, from 1; one
/// that is shorter than a whole reply ends the connection.
class Server {
 public:
  explicit Server(std::function<std::string(unsigned)> reply) : reply_(std::move(reply)) {
    listener_ = kernel::open_stream_socket(Family::kIpv4, kernel::Transport::kMptcp).value();
    sockaddr_storage address{};
    const auto length = kService.address.to_sockaddr(kService.port, address);
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  inline static const anabranch::Endpoint kService{IpAddress::v4(0x7f000001), 8000};

 private:
  void run(const std::stop_token& stop) {
    std::vector<UniqueFd> peers;
    while (!stop.stop_requested()) {
      std::vector<pollfd> polls = {{listener_.get(), POLLIN, 0}};
      for (const auto& peer : peers) polls.push_back({peer.get(), POLLIN, 0});
      if (::poll(polls.data(), polls.size(), 20) <= 0) continue;
      for (std::size_t i = 1; i < polls.size(); ++i)
        if (polls[i].revents != 0) answer(peers[i - 1]);
      std::erase_if(peers, [](const UniqueFd& peer) { return !peer; });
      if (polls[0].revents != 0)
        peers.emplace_back(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
  }
  void answer(UniqueFd& peer) {
    std::array<char, 1024> request;
    if (::recv(peer.get(), request.data(), request.size(), 0) <= 0) return peer.reset();
    const auto reply = reply_(++requests_);
    ::send(peer.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
    if (reply.size() < kPiece.octets.size()) peer.reset();
  }

  std::function<std::string(unsigned)> reply_;
  UniqueFd listener_;
  unsigned requests_ = 0;
  std::jthread thread_;  // ends before what it uses
};

struct Visits : testing::Test {
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    ASSERT_TRUE(kernel::Rtnetlink::open().value().set_up(1, true));
    if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP in this kernel";
  }

  static DownloadOptions options(DownloadOptions out) {
    out.service = Server::kService;
    out.sha256 = kPiece.sha256;
    return out;
  }
  /// The last report; `words` are said at the beginning.
  static DownloadReport visit(const DownloadOptions& options, const std::string& words = "") {
    auto input = kernel::make_pipe().value();
    auto output = kernel::make_pipe().value();
    EXPECT_EQ(::write(input.write.get(), words.data(), words.size()),
              static_cast<ssize_t>(words.size()));
    EXPECT_TRUE(run_downloads(options, input.read.get(), output.write.get()));
    std::array<char, 65536> said;
    const auto got = ::read(output.read.get(), said.data(), said.size());
    std::string_view lines(said.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 1) - 1));
    return parse_download_report(lines.substr(lines.rfind('\n') + 1)).value_or(DownloadReport{});
  }
};

TEST_F(Visits, EachConnectionFetchesItsPieces) {
  Server server([](unsigned) { return reply_of_server(1); });
  const auto report = visit(options({.live = 2, .total = 5, .pieces = 3}));
  EXPECT_EQ(report.done, 5U);
  EXPECT_EQ(report.pieces, 15U);
  EXPECT_EQ(report.plain, 0U);
  EXPECT_EQ(report.all_broken(), 0U) << report.last_failure;
}

TEST_F(Visits, AWrongOctetIsSeen) {
  Server server([](unsigned number) {
    auto body = kPiece.octets;
    if (number == 2) body[7] = static_cast<char>(body[7] ^ 1);
    return reply_of_server(1, body);
  });
  const auto report = visit(options({.total = 3, .pieces = 1}));
  EXPECT_EQ(report.wrong, 1U);
  EXPECT_EQ(report.pieces, 2U);
}

TEST_F(Visits, AConnectionThatEndsEarlyIsBrokenAndNotTriedAgain) {
  Server server([](unsigned number) { return number == 2 ? "HTTP/1.1 200" : reply_of_server(4); });
  const auto report = visit(options({.total = 2, .pieces = 3}));
  EXPECT_EQ(report.broken, (std::map<unsigned, unsigned>{{4, 1}}));
  EXPECT_EQ(report.done, 1U);
  EXPECT_EQ(report.pieces, 4U);
}

TEST_F(Visits, SilenceBreaksAConnection) {
  Server server([](unsigned) { return reply_of_server(1, kPiece.octets.substr(1)); });
  const auto report = visit(options({.total = 1, .patience = milliseconds(100)}));
  EXPECT_EQ(report.broken, (std::map<unsigned, unsigned>{{1, 1}}));
  EXPECT_EQ(report.last_failure, "nothing came");
}

TEST_F(Visits, WithoutAServerEveryConnectionIsBroken) {
  const auto report = visit(options({.total = 2, .pieces = 1}));
  EXPECT_EQ(report.broken, (std::map<unsigned, unsigned>{{0, 2}}));
}

TEST_F(Visits, AreEndedByAWord) {
  Server server([](unsigned) { return reply_of_server(1); });
  const auto report = visit(options({.live = 2, .total = 2}), "end\n");
  EXPECT_EQ(report.live, 0U);
  EXPECT_EQ(report.all_broken(), 0U);
}

TEST_F(Visits, AMarkIsAnsweredWhenAllHaveGoneOn) {
  Server server([](unsigned) { return reply_of_server(1); });
  auto input = kernel::make_pipe().value();
  auto output = kernel::make_pipe().value();
  std::jthread visitor([&, asked = options({.live = 2, .total = 2})] {
    EXPECT_TRUE(run_downloads(asked, input.read.get(), output.write.get()));
  });
  ASSERT_EQ(::write(input.write.get(), "mark\n", 5), 5);
  std::array<char, 4096> said;
  const auto got = ::read(output.read.get(), said.data(), said.size());
  ASSERT_GT(got, 1);
  const auto report =
      parse_download_report({said.data(), static_cast<std::size_t>(got - 1)}).value();
  EXPECT_EQ(report.live, 2U);
  EXPECT_EQ(report.subflows, 2U);
  EXPECT_GE(report.pieces, 4U);
  ASSERT_EQ(::write(input.write.get(), "end\n", 4), 4);
}

}  // namespace
}  // namespace anabranch::lab
