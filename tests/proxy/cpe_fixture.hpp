// SPDX-License-Identifier: MIT
// A CPE between a LAN host (192.0.2.7) and a converter that the test plays (198.18.9.9:5124), in a
// network namespace of its own. The host connects to 198.18.0.1:80.
#pragma once

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "kernel/rtnetlink.hpp"
#include "kernel/stream_socket.hpp"
#include "kernel/sysctl.hpp"
#include "proxy/cpe_plane.hpp"
#include "proxy/local_plane.hpp"
#include "proxy/worker.hpp"
#include "support/private_network.hpp"

namespace anabranch::proxy::test_support {

using namespace std::string_literals;
using kernel::Transport;

inline const Endpoint kConverter = Endpoint::parse("198.18.9.9:5124").value();
inline const Endpoint kServer = Endpoint::parse("198.18.0.1:80").value();
inline constexpr int kPatience = 5000;  // milliseconds

inline const std::string kConnect =
    "\x01\x06\x22\x63\x0a\x05\x00\x50\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x12\x00\x01"s;
inline const std::string kYes = "\x01\x01\x22\x63"s;

inline std::string error(char code, char value = 0) {
  return "\x01\x02\x22\x63\x1e\x01"s + code + value;
}

inline bool readable(int fd, int patience = kPatience) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, patience) == 1;
}

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

struct Planes {
  std::unique_ptr<CpePlane> hosts;
  std::unique_ptr<LocalPlane> local;
};

class Cpe : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace";
    if (!kernel::mptcp_available()) GTEST_SKIP() << "no MPTCP";
    auto netlink = kernel::Rtnetlink::open();
    ASSERT_TRUE(netlink);
    const auto loopback = netlink->link("lo");
    ASSERT_TRUE(loopback);
    ASSERT_TRUE(netlink->set_up(loopback->index, true));
    for (const auto* address : {"192.0.2.7", "198.18.9.9", "198.18.0.1"}) {
      kernel::Address own;
      own.ifindex = loopback->index;
      own.prefix = IpPrefix::host(IpAddress::parse(address).value());
      ASSERT_TRUE(netlink->add(own));
    }
    ASSERT_TRUE(kernel::write_sysctl("net/ipv4/tcp_fastopen", "3"));
    ASSERT_TRUE(kernel::write_sysctl("net/mptcp/blackhole_timeout", "0"));
    auto converter = kernel::listen_on(
        kConverter, {.transport = Transport::kMptcp, .congestion = "cubic", .fast_open = true});
    ASSERT_TRUE(converter) << converter.error().text();
    converter_ = *std::move(converter);
  }

  /// The destination's own address stands for what tproxy does.
  void run(const std::string& more = {}, const std::string& sections = {}) {
    auto parsed = parse_cpe_settings(
        "[cpe]\nlan = [\"lan0\"]\n" + more +
            "[[converter]]\nname = \"one\"\naddress = \"198.18.9.9\"\n" + sections,
        "t");
    ASSERT_TRUE(parsed) << parsed.error().text();
    const auto settings = std::make_shared<const CpeSettings>(*parsed);
    pool_ = std::make_unique<ConverterPool>(settings->converters, settings->retry);
    shared_ = std::make_unique<CpeShared>(CpeShared{*pool_, servers_});
    auto listener = kernel::listen_on(kServer, {.congestion = "cubic", .transparent = true});
    ASSERT_TRUE(listener) << listener.error().text();
    auto listeners = std::make_shared<std::vector<UniqueFd>>();
    listeners->push_back(*std::move(listener));
    auto doors = make_local_doors(settings->local);
    ASSERT_TRUE(doors) << doors.error().text();
    local_ = *std::move(doors);
    auto at_doors = listen_at(local_, "cubic");
    ASSERT_TRUE(at_doors) << at_doors.error().text();
    auto local = std::make_shared<std::vector<UniqueFd>>(*std::move(at_doors));
    auto worker = Worker<Planes>::start([=, this](relay::Reactor& reactor) {
      auto out = std::make_unique<Planes>();
      out->hosts =
          std::make_unique<CpePlane>(reactor, settings, *shared_, std::move(*listeners), false);
      out->local = std::make_unique<LocalPlane>(*out->hosts, names_, local_, std::move(*local));
      return out;
    });
    ASSERT_TRUE(worker);
    worker_ = *std::move(worker);
  }

  static UniqueFd dial() {
    auto fd = kernel::open_stream_socket(Family::kIpv4, Transport::kTcp);
    EXPECT_TRUE(fd && kernel::connect_from(fd->get(), IpAddress::parse("192.0.2.7").value()));
    EXPECT_EQ(kernel::begin_connect(fd->get(), kServer, {}).error, 0);
    return *std::move(fd);
  }

  /// The CPE's next connection to the converter.
  UniqueFd asked() {
    EXPECT_TRUE(readable(converter_.get()));
    auto accepted = kernel::accept_from(converter_.get());
    EXPECT_TRUE(accepted.fd);
    // What is written before the third ACK would never be sent.
    for (int i = 0; i < 1000 && kernel::stream_state(accepted.fd.get()).state == TCP_SYN_RECV; ++i)
      ::poll(nullptr, 0, 1);
    return std::move(accepted.fd);
  }

  CpeCounts counts() {
    CpeCounts out;
    worker_->ask([&](Planes& planes) { out = planes.hosts->counts(); });
    return out;
  }

  UniqueFd converter_;
  std::unique_ptr<ConverterPool> pool_;
  MptcpServers servers_;
  std::unique_ptr<CpeShared> shared_;
  NameResolver names_{[](const std::string& name) {
    NameResolver::Answer out;
    if (name == "server.example") out.addresses = {kServer.address};
    out.may_come = name == "later.example";
    return out;
  }};
  LocalDoors local_;
  std::unique_ptr<Worker<Planes>> worker_;
};

}  // namespace anabranch::proxy::test_support
