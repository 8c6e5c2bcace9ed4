// SPDX-License-Identifier: MIT
// What tests of both proxies share: a network namespace with the addresses of all parties on the
// loopback interface, the octets of a Connect and of answers, a plane on a thread of its own.
//
//   client or LAN host 192.0.2.7, converter 198.18.9.9:5124, server 198.18.0.1:80
#pragma once

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "kernel/nft.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/stream_socket.hpp"
#include "kernel/sysctl.hpp"
#include "proxy/service.hpp"
#include "support/private_network.hpp"

namespace anabranch::proxy::test {

using namespace std::string_literals;

inline const Endpoint kConverter = Endpoint::parse("198.18.9.9:5124").value();
inline const Endpoint kServer = Endpoint::parse("198.18.0.1:80").value();
inline constexpr int kPatience = 5000;  // milliseconds

/// Connect to 198.18.0.1:80 (RFC 8803 section 6.2.5).
inline const std::string kConnect =
    "\x01\x06\x22\x63\x0a\x05\x00\x50\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x12\x00\x01"s;
/// The same with kind 30: MPTCP is wanted.
inline const std::string kConnectMptcp =
    "\x01\x07\x22\x63\x0a\x06"s + kConnect.substr(6) + "\x1e\x02\0\0"s;
/// Nothing to say: the fixed header alone.
inline const std::string kYes = "\x01\x01\x22\x63"s;
/// Extended TCP Header with kind 30: the server speaks MPTCP (RFC 8803 section 7.5).
inline const std::string kYesMptcp = "\x01\x03\x22\x63\x14\x02\0\0\x1e\x02\0\0"s;

inline std::string error(char code, char value = 0) {
  return "\x01\x02\x22\x63\x1e\x01"s + code + value;
}

inline bool readable(int fd, int patience = kPatience) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, patience) == 1;
}

/// `wanted` octets, or all until the end; "reset" for a reset.
inline std::string read_from(int fd, std::size_t wanted = 4096) {
  std::string out;
  while (out.size() < wanted && readable(fd)) {
    char buffer[4096];
    const auto got = ::recv(fd, buffer, std::min(sizeof buffer, wanted - out.size()), 0);
    if (got < 0 && errno == ECONNRESET) return out + "reset";
    if (got <= 0) return out;
    out.append(buffer, static_cast<std::size_t>(got));
  }
  return out;
}

inline void say(int fd, const std::string& text) {
  EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// Every ACK without SYN to the converter is lost from here on.
inline void lose_third_acks() {
  ASSERT_TRUE(kernel::apply_nft(
      "table inet late { chain out { type filter hook output priority 0; policy accept;"
      " ip daddr 198.18.9.9 tcp dport 5124 tcp flags & (syn | ack) == ack drop; }; }"));
}

inline void lose_nothing() {
  ASSERT_TRUE(kernel::apply_nft("delete table inet late"));
}

/// A plane that listens at one endpoint.
template <class Plane>
class Served {
 public:
  Served(const Endpoint& endpoint, const kernel::ListenerOptions& options,
         typename Service<Plane>::Make make)
      : service_(std::move(make)) {
    EXPECT_TRUE(resize(workers_, 1));
    const ListeningPlan plan{{endpoint}, options};
    auto missing = service_.open_missing(plan, 1);
    EXPECT_TRUE(missing) << missing.error().text();
    if (missing) service_.listen(plan, workers_, *std::move(missing));
  }

  auto counts() const { return service_.counts(); }
  std::uint64_t running() const { return service_.running(); }

 private:
  Workers workers_;
  Service<Plane> service_;
};

class ProxyNetwork : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!anabranch::test::enter_private_network()) GTEST_SKIP() << "no network namespace";
    if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP";
    auto netlink = kernel::Rtnetlink::open();
    ASSERT_TRUE(netlink);
    const auto loopback = netlink->link("lo");
    ASSERT_TRUE(loopback);
    ASSERT_TRUE(netlink->set_up(loopback->index, true));
    for (const auto* address : {"192.0.2.7", "198.18.9.9", "198.18.9.10", "198.18.0.1"}) {
      kernel::Address own;
      own.ifindex = loopback->index;
      own.prefix = IpPrefix::host(IpAddress::parse(address).value());
      ASSERT_TRUE(netlink->add(own));
    }
    ASSERT_TRUE(kernel::write_sysctl("net/ipv4/tcp_fastopen", "3"));
    ASSERT_TRUE(kernel::write_sysctl("net/mptcp/blackhole_timeout", "0"));
  }
};

}  // namespace anabranch::proxy::test
