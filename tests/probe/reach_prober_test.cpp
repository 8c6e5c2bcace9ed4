// SPDX-License-Identifier: MIT
// Questions over one interface, in a network of its own: loopback answers, and nobody does.
#include "probe/reach_prober.hpp"

#include <optional>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/namespaces.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/stream_socket.hpp"
#include "support/private_network.hpp"

namespace anabranch::probe {
namespace {

using Kind = ReachTarget::Kind;

const IpAddress kLoopback = IpAddress::v4(0x7f000001);
const IpAddress kLoopback6 = IpAddress::parse("::1").value();
const IpAddress kOurs = IpAddress::parse("10.1.0.2").value();
const IpAddress kNobody = IpAddress::parse("10.1.0.9").value();

/// Loopback, and "a", on which nobody answers for a neighbour of 10.1.0.2.
bool prepare_network() {
  if (!test::enter_private_network()) return false;
  auto netlink = kernel::Rtnetlink::open().value();
  const auto here = kernel::current_network_namespace().value();
  if (!netlink.set_up(1, true)) return false;
  if (!netlink.create_veth("a", here.get(), "b", here.get())) return false;
  const unsigned ifindex = netlink.link("a").value().index;
  return netlink.set_up(ifindex, true) && netlink.set_up(netlink.link("b").value().index, true) &&
         netlink.add(kernel::Address{.ifindex = ifindex, .prefix = IpPrefix(kOurs, 24)});
}

/// Accepts connections and says `answer` to what comes first; with an empty one it says nothing.
class Server {
 public:
  Server(Loop& loop, const IpAddress& address, std::string_view answer)
      : loop_(loop),
        answer_(answer),
        fd_(::socket(address_family(address.family()), SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_storage name{};
    socklen_t size = address.to_sockaddr(0, name);
    auto* const at = reinterpret_cast<sockaddr*>(&name);
    EXPECT_EQ(::bind(fd_.get(), at, size), 0);
    EXPECT_EQ(::listen(fd_.get(), 10), 0);
    EXPECT_EQ(::getsockname(fd_.get(), at, &size), 0);
    port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
    accepting_ = loop_.on_readable(fd_.get(), [this] {
      reading_.reset();
      client_.reset(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK));
      reading_ = loop_.on_readable(client_.get(), [this] { read(); });
    });
  }
  std::uint16_t port() const { return port_; }
  std::string request;

 private:
  void read() {
    char octets[512];
    const auto size = ::recv(client_.get(), octets, sizeof octets, 0);
    if (size > 0) {
      request.append(octets, static_cast<std::size_t>(size));
      if (answer_.empty()) return;
      ::send(client_.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
    reading_.reset();
    client_.reset();
  }

  Loop& loop_;
  std::string_view answer_;
  UniqueFd fd_;
  UniqueFd client_;
  std::uint16_t port_ = 0;
  Loop::Handle accepting_;
  Loop::Handle reading_;
};

struct Outcome {
  Reached reached;
  std::string request;  ///< what the server got
};

const Way kOverLoopback{.interface = "lo", .mark = 7};

/// One question and its one outcome. With `answer` there is a server at the target, which says that
/// to what it is asked.
Outcome ask(ReachTarget target, const Way& way = kOverLoopback,
            nanoseconds patience = milliseconds(2000),
            std::optional<std::string_view> answer = std::nullopt) {
  Loop loop;
  std::optional<Server> server;
  if (answer) target.port = server.emplace(loop, target.address, *answer).port();
  std::vector<Reached> outcomes;
  ReachProber prober(loop, [&](const Reached& reached) {
    outcomes.push_back(reached);
    loop.stop();
  });
  prober.ask(42, target, way, patience);
  EXPECT_TRUE(outcomes.empty()) << "told from inside";
  loop.run();
  EXPECT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes.at(0).id, 42u);
  return {outcomes.at(0), server ? server->request : ""};
}

class ReachProberTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!prepare_network()) GTEST_SKIP() << "no network namespaces for this user";
  }
};

TEST_F(ReachProberTest, AnEchoIsAnswered) {
  for (const auto& address : {kLoopback, kLoopback6}) {
    const auto reached = ask({.kind = Kind::kEcho, .address = address}).reached;
    EXPECT_TRUE(reached.answered) << address.text() << ": " << reached.why;
    EXPECT_GT(reached.rtt, nanoseconds{});
    EXPECT_LT(reached.rtt, milliseconds(1000));
  }
}

TEST_F(ReachProberTest, LeavesFromTheAddressThatIsGiven) {
  constexpr std::uint16_t kNobodyListens = 9;
  for (const auto& address : {kLoopback, kLoopback6})
    for (const auto kind : {Kind::kEcho, Kind::kConnect}) {
      const auto reached = ask({.kind = kind, .address = address, .port = kNobodyListens},
                               {.interface = "lo", .mark = 7, .source = address})
                               .reached;
      EXPECT_TRUE(reached.answered) << address.text() << ": " << reached.why;
    }
}

TEST_F(ReachProberTest, AConnectionAndARefusalBothShowTheWay) {
  constexpr std::uint16_t kNobodyListens = 9;
  for (const auto& address : {kLoopback, kLoopback6}) {
    const ReachTarget target{.kind = Kind::kConnect, .address = address, .port = kNobodyListens};
    EXPECT_TRUE(ask(target, kOverLoopback, seconds(2), "").reached.answered);
    EXPECT_TRUE(ask(target).reached.answered);
  }
}

TEST_F(ReachProberTest, HttpNeedsAGoodStatus) {
  const auto get = [](std::string_view answer) {
    const auto out = ask(
        {.kind = Kind::kHttp, .address = kLoopback, .path = "/generate_204", .host = "example.org"},
        kOverLoopback, seconds(2), answer);
    EXPECT_TRUE(out.request.starts_with("GET /generate_204 HTTP/1.1\r\nHost: example.org\r\n"));
    return out.reached;
  };
  EXPECT_TRUE(get("HTTP/1.1 204 No Content\r\n\r\n").answered);
  EXPECT_EQ(get("HTTP/1.1 503 Busy\r\n\r\n").why, "HTTP status 503");
  EXPECT_EQ(get("SSH-2.0-something\r\n").why, "the answer is no HTTP");
  EXPECT_EQ(get("HTTP/1.").why, "the server ends the connection without an answer");
}

TEST_F(ReachProberTest, OneStatusMayBeTheOnlyAnswer) {
  const auto get = [](std::string_view answer) {
    return ask({.kind = Kind::kHttp, .address = kLoopback, .path = "/", .status = 404},
               kOverLoopback, seconds(2), answer)
        .reached;
  };
  EXPECT_TRUE(get("HTTP/1.1 404 Not Found\r\n\r\n").answered);
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\n\r\n").why, "HTTP status 200");
}

TEST_F(ReachProberTest, AServerThatRefusesDoesNotServe) {
  for (const auto kind : {Kind::kAccept, Kind::kMptcp})
    for (const auto& address : {kLoopback, kLoopback6}) {
      const ReachTarget target{.kind = kind, .address = address, .port = 9};
      EXPECT_EQ(ask(target).reached.why, "Connection refused");
    }
  const ReachTarget target{.kind = Kind::kAccept, .address = kLoopback};
  EXPECT_TRUE(ask(target, kOverLoopback, seconds(2), "").reached.answered);
}

TEST_F(ReachProberTest, MptcpIsAnsweredByMptcp) {
  if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP";
  for (const auto& address : {kLoopback, kLoopback6}) {
    const Endpoint at{address, 5005};
    const auto asked = [&](kernel::Transport transport) {
      const auto listener = kernel::listen_on(at, {.transport = transport, .congestion = ""});
      EXPECT_TRUE(listener);
      return ask({.kind = Kind::kMptcp, .address = address, .port = at.port}, {}).reached;
    };
    const auto same = asked(kernel::Transport::kMptcp);
    EXPECT_TRUE(same.answered) << same.why;
    const auto plain = asked(kernel::Transport::kTcp);
    EXPECT_FALSE(plain.answered);
    EXPECT_TRUE(plain.fell_back);
    EXPECT_EQ(plain.why, "it answers by TCP without MPTCP");
  }
}

TEST_F(ReachProberTest, AnHttpServerThatIsSilentOrGoneIsNoAnswer) {
  const ReachTarget target{.kind = Kind::kHttp, .address = kLoopback, .port = 9};
  const auto silent = ask(target, kOverLoopback, milliseconds(100), "").reached;
  EXPECT_FALSE(silent.answered);
  EXPECT_EQ(silent.why, "");
  EXPECT_EQ(ask(target).reached.why, "Connection refused");
}

TEST_F(ReachProberTest, SilenceIsAnOutcomeWhenTheTimeIsUp) {
  for (const auto kind : {Kind::kEcho, Kind::kConnect, Kind::kHttp}) {
    const auto begin = MonotonicClock::now();
    const auto reached = ask({.kind = kind, .address = kNobody, .port = 80},
                             {.interface = "a", .source = kOurs}, milliseconds(50))
                             .reached;
    EXPECT_FALSE(reached.answered);
    EXPECT_EQ(reached.why, "");
    EXPECT_GE(MonotonicClock::now() - begin, milliseconds(50));
  }
}

TEST_F(ReachProberTest, WhenNobodyHasTheNextHopsAddressAConnectionSaysSo) {
  const auto reached = ask({.kind = Kind::kConnect, .address = kNobody, .port = 80},
                           {.interface = "a", .source = kOurs}, seconds(8))
                           .reached;
  EXPECT_FALSE(reached.answered);
  EXPECT_EQ(reached.why, "the next hop does not answer");
}

TEST_F(ReachProberTest, AnswersOfAnotherInterfaceDoNotCount) {
  EXPECT_FALSE(
      ask({.kind = Kind::kEcho, .address = kLoopback}, {.interface = "a"}, milliseconds(50))
          .reached.answered);
}

TEST_F(ReachProberTest, WhatCannotBeSentSaysWhy) {
  const ReachTarget target{.kind = Kind::kEcho, .address = kLoopback};
  EXPECT_EQ(ask(target, {.interface = "gone"}).reached.why,
            "cannot probe over this interface: No such device");
  EXPECT_EQ(ask(target, {.interface = "lo", .source = IpAddress::v4(0x0a090909)}).reached.why,
            "cannot probe from this address: Cannot assign requested address");
}

TEST_F(ReachProberTest, MayBeDestroyedByItsOwnOutcome) {
  Loop loop;
  unsigned outcomes = 0;
  std::optional<ReachProber> prober;
  prober.emplace(loop, [&](const Reached&) {
    ++outcomes;
    prober.reset();
    loop.stop();
  });
  prober->ask(1, {.kind = Kind::kEcho, .address = kLoopback}, kOverLoopback, seconds(2));
  prober->ask(2, {.kind = Kind::kEcho, .address = kLoopback}, kOverLoopback, seconds(2));
  loop.run();
  EXPECT_EQ(outcomes, 1u);
}

}  // namespace
}  // namespace anabranch::probe
