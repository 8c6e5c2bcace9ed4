// SPDX-License-Identifier: MIT
// Listeners of the path manager on the loopback interface of a network of the test's own.
#include "paths/listeners.hpp"

#include <filesystem>
#include <optional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/mptcp_socket.hpp"
#include "kernel/rtnetlink.hpp"
#include "support/private_network.hpp"

namespace anabranch::paths {
namespace {

Endpoint endpoint(const std::string& text, std::uint16_t port) {
  return {*IpAddress::parse(text), port};
}

std::ptrdiff_t descriptors() {
  return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd"));
}

struct OwnListeners : testing::Test {
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    auto netlink = kernel::Rtnetlink::open().value();
    ASSERT_TRUE(netlink.set_up(1, true));
    if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP in this kernel";
    sockets.emplace(kernel::SocketDiag::open().value());
    listeners.emplace(loop, *sockets);
    // The loop opens descriptors of its own with the first.
    listeners->close(listeners->open(endpoint("127.0.0.1", 0)).endpoint);
  }

  /// An application that listens.
  UniqueFd application(const Endpoint& where, kernel::Transport transport) {
    auto fd = kernel::open_stream_socket(where.address.family(), transport).value();
    sockaddr_storage address{};
    const unsigned length = where.address.to_sockaddr(where.port, address);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(fd.get(), 8), 0);
    return fd;
  }

  /// Connects and waits for what becomes of it, while the loop runs; the error or 0.
  int connect_and_wait(const Endpoint& where, kernel::Transport transport) {
    const auto fd = kernel::open_stream_socket(where.address.family(), transport).value();
    ::fcntl(fd.get(), F_SETFL, 0);  // the kernel of the other side answers by itself
    sockaddr_storage address{};
    const unsigned length = where.address.to_sockaddr(where.port, address);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return errno;
    int error = 0;
    const auto readable = loop.on_readable(fd.get(), [&] {
      char octet = 0;
      error = ::recv(fd.get(), &octet, 1, MSG_DONTWAIT) < 0 ? errno : 0;
      if (error != EAGAIN) loop.stop();
    });
    const auto late = loop.after(seconds(5), [&] {
      error = ETIMEDOUT;
      loop.stop();
    });
    loop.run();
    return error;
  }

  Loop loop;
  std::optional<kernel::SocketDiag> sockets;
  std::optional<Listeners> listeners;
};

TEST_F(OwnListeners, AnApplicationOnEveryAddressTakesJoinsToAnyOfThem) {
  const auto app = application(endpoint("0.0.0.0", 4430), kernel::Transport::kMptcp);
  EXPECT_TRUE(listeners->ask(endpoint("127.0.0.2", 4430)).listens);
  EXPECT_FALSE(listeners->ask(endpoint("127.0.0.2", 4431)).listens);
}

TEST_F(OwnListeners, AnApplicationOnOneAddressDoesNot) {
  const auto app = application(endpoint("127.0.0.1", 4430), kernel::Transport::kMptcp);
  EXPECT_TRUE(listeners->ask(endpoint("127.0.0.1", 4430)).listens);
  EXPECT_FALSE(listeners->ask(endpoint("127.0.0.2", 4430)).listens);
}

TEST_F(OwnListeners, AnApplicationThatSpeaksOnlyTcpTakesNoJoins) {
  const auto app = application(endpoint("127.0.0.2", 4430), kernel::Transport::kTcp);
  EXPECT_FALSE(listeners->ask(endpoint("127.0.0.2", 4430)).listens);
  EXPECT_FALSE(listeners->open(endpoint("127.0.0.2", 4430)).listens) << "the port is taken";
  const auto any = listeners->open(endpoint("127.0.0.2", 0));
  EXPECT_TRUE(any.listens);
  EXPECT_NE(any.endpoint.port, 0);
  EXPECT_TRUE(listeners->ask(any.endpoint).listens);
}

TEST_F(OwnListeners, OneIsOpenedBesideTheApplicationAndClosedAgain) {
  const auto app = application(endpoint("127.0.0.1", 4430), kernel::Transport::kMptcp);
  const auto where = endpoint("127.0.0.2", 4430);
  const auto before = descriptors();
  EXPECT_EQ(listeners->open(where).endpoint, where);
  EXPECT_TRUE(listeners->open(where).listens) << "it is open already";
  EXPECT_EQ(descriptors(), before + 1);
  EXPECT_TRUE(listeners->ask(where).listens);
  listeners->close(where);
  EXPECT_FALSE(listeners->ask(where).listens);
  EXPECT_EQ(descriptors(), before);
}

TEST_F(OwnListeners, AnIpv6OneLeavesIpv4Alone) {
  const auto where = endpoint("::1", 4430);
  EXPECT_TRUE(listeners->open(where).listens);
  EXPECT_FALSE(listeners->ask(endpoint("127.0.0.1", 4430)).listens);
  const auto app = application(endpoint("0.0.0.0", 4430), kernel::Transport::kMptcp);
}

TEST_F(OwnListeners, AnAddressThatIsNotThereIsRefused) {
  EXPECT_FALSE(listeners->open(endpoint("192.0.2.1", 4430)).listens);
  EXPECT_EQ(listeners->size(), 0u);
}

TEST_F(OwnListeners, WhoConnectsWithoutJoiningIsReset) {
  const auto where = endpoint("127.0.0.2", 4430);
  ASSERT_TRUE(listeners->open(where).listens);
  const auto before = descriptors();
  EXPECT_EQ(connect_and_wait(where, kernel::Transport::kMptcp), ECONNRESET);
  EXPECT_EQ(listeners->refused(), 1u);
  EXPECT_EQ(descriptors(), before);
}

TEST_F(OwnListeners, WhoSpeaksOnlyTcpIsResetToo) {
  const auto where = endpoint("127.0.0.2", 4430);
  ASSERT_TRUE(listeners->open(where).listens);
  EXPECT_EQ(connect_and_wait(where, kernel::Transport::kTcp), ECONNRESET);
  EXPECT_EQ(listeners->refused(), 1u);
}

}  // namespace
}  // namespace anabranch::paths
