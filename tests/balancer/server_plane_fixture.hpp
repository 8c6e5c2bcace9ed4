// SPDX-License-Identifier: MIT
// Frames through the program on a server as the kernel runs it: what is unwrapped, what is kept
// out, what goes to the server before us. Connections that are here are real ones, over the
// loopback interface of a network namespace of the test's own.
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <time.h>

#include "balancer/plan.hpp"
#include "kernel/balancer_server_plane.hpp"
#include "kernel/mptcp_numbers.hpp"
#include "kernel/sysctl.hpp"
#include "support/frames.hpp"
#include "support/loopback_connection.hpp"
#include "support/private_network.hpp"

namespace anabranch::balancer::server_plane_test {

using namespace test;
using kernel::BalancerServerPlane;

inline constexpr std::uint32_t kLeftAlone = static_cast<std::uint32_t>(TC_ACT_UNSPEC);
inline constexpr std::uint32_t kMe = 2;
inline constexpr std::uint32_t kNear = 1;  ///< on the same Ethernet
inline constexpr std::uint32_t kFar = 3;   ///< takes encapsulated packets
inline constexpr std::uint32_t kFirstJoinPort = 1024;
inline constexpr std::uint32_t kService = 7;  ///< number of the service

struct Addresses {
  Endpoint client, service;
  IpAddress own_join, others_join, balancer, me, far, stranger;
};

inline IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}
inline const Addresses kIpv4{
    at("127.0.0.7:40000"), at("127.0.0.10:443"), address("127.0.0.22"),    address("127.0.0.21"),
    address("192.0.2.9"),  address("192.0.2.2"), address("198.51.100.33"), address("203.0.113.66")};
inline const Addresses kIpv6{at("[::1]:40000"),         at("[::1]:443"),
                             address("2001:db8::22"),   address("2001:db8::21"),
                             address("2001:db8:9::9"),  address("2001:db8:9::2"),
                             address("2001:db8:99::3"), address("2001:db8:66::66")};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline std::uint32_t seconds_since_start() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint32_t>(now.tv_sec);
}

inline Endpoint with_port(Endpoint endpoint, std::uint32_t port) {
  endpoint.port = static_cast<std::uint16_t>(port);
  return endpoint;
}

/// The sum that routers and hosts look at, RFC 1071; 0xffff when it is right.
inline std::uint16_t sum_of(const Octets& octets, std::size_t begin = 14) {
  std::uint32_t sum = 0;
  for (std::size_t i = begin; i < begin + 20; i += 2)
    sum += static_cast<std::uint32_t>(octets.at(i) << 8 | octets.at(i + 1));
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16));
}

/// For this machine, with a right IPv4 checksum, as the kernel would get it.
inline Octets received(Octets frame) {
  std::fill_n(frame.begin(), 6, std::uint8_t{0});
  if (frame.at(12) == 0x08) {
    const auto sum = word(static_cast<std::uint16_t>(~sum_of(frame)));
    std::ranges::copy(sum, frame.begin() + 14 + 10);
  }
  return frame;
}

inline Octets packet_of(const Octets& frame) {
  return {frame.begin() + 14, frame.end()};
}

class BalancerServerPlaneTest : public ::testing::TestWithParam<const Addresses*> {
 protected:
  void SetUp() override {
    auto opened = BalancerServerPlane::open({.pins = {}});
    if (!opened) {
      // A program that the kernel's verifier refuses must not pass for a missing privilege.
      ASSERT_NE(opened.error().what.find("not permitted"), std::string::npos)
          << opened.error().what;
      GTEST_SKIP() << opened.error().what;
    }
    if (!enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    bring_up_loopback();
    plane.emplace(*std::move(opened));
    steer_own own{.id = kMe, .address = {}};
    write(kIpv4.me, own.address[0]);
    write(kIpv6.me, own.address[1]);
    must(plane->set_own(own));
    must(plane->set_sources(std::array{kIpv4.balancer, kIpv6.balancer}));
    std::vector<BalancerServerPlane::Target> targets;
    for (const auto* known : {&kIpv4, &kIpv6}) {
      targets.emplace_back(destination_of(known->service.address, known->service.port),
                           target(STEER_SERVICE));
      targets.emplace_back(destination_of(known->service.address, 0), target(STEER_ADDRESS));
      targets.emplace_back(destination_of(known->own_join, 0), target(STEER_SERVER_ADDRESS, kMe));
      targets.emplace_back(destination_of(known->others_join, 0),
                           target(STEER_SERVER_ADDRESS, kNear));
    }
    must(plane->set_targets(targets));
    must(plane->set_server(kNear, server(kNear)));
    must(plane->set_server(kFar, server(kFar)));
  }

  static void write(const IpAddress& from, __be32 (&to)[4]) {
    const auto destination = destination_of(from, 0);
    std::memcpy(to, destination.address, sizeof to);
  }
  static steer_target target(steer_destination_kind kind, std::uint32_t of_server = 0) {
    steer_target out{};
    out.kind = kind;
    out.service = kService;
    out.server = of_server;
    out.first_join_port = kFirstJoinPort;
    out.join_ports = 100;
    return out;
  }
  static steer_server server(std::uint32_t id) {
    steer_server out{};
    out.state = STEER_SERVING;
    out.encapsulates = id == kFar;
    std::memcpy(&out.outer4[0], kIpv4.me.octets().data(), 4);
    std::memcpy(&out.outer4[1], kIpv4.far.octets().data(), 4);
    std::memcpy(&out.outer6[0], kIpv6.me.octets().data(), 16);
    std::memcpy(&out.outer6[1], kIpv6.far.octets().data(), 16);
    for (auto& hop : out.next_hop) {
      hop.interface = 1;
      hop.destination[5] = static_cast<__u8>(id);
      hop.source[5] = 0xbb;
    }
    return out;
  }

  /// All places alike.
  void give_history(std::uint32_t owner, std::uint32_t previous, std::uint32_t age = 10) {
    const std::vector<steer_place> places(STEER_RING_PLACES,
                                          {.owner = static_cast<__u16>(owner),
                                           .previous = static_cast<__u16>(previous),
                                           .changed = seconds_since_start() - age});
    must(plane->set_history(kService, places));
  }

  const Addresses& on() const { return *GetParam(); }
  bool is_v4() const { return on().me.is_v4(); }
  Octets wrapped(const IpAddress& from, const IpAddress& to, const Octets& inner,
                 Envelope envelope = {}) const {
    envelope.protocol = is_v4() ? 4 : 41;
    return received(ethernet(ip_packet(from, to, inner, envelope)));
  }
  Octets segment(std::uint8_t flags = kAck, const Octets& options = {}) const {
    return received(frame({on().client, on().service, flags, options, 100}));
  }
  Octets to(const Endpoint& destination, const Octets& options) const {
    return received(frame({on().client, destination, kSyn, options}));
  }
  Octets service_join(std::uint32_t server, const Octets& options) const {
    return to(with_port(on().service, kFirstJoinPort + server), options);
  }

  kernel::BalancerRun run(const Octets& octets) const { return must(plane->run(octets)); }
  std::uint64_t count(steer_arrival what) const { return must(plane->counts()).packets[what]; }
  void expect_left_alone(const Octets& octets) const {
    const auto result = run(octets);
    EXPECT_EQ(result.verdict, kLeftAlone);
    EXPECT_EQ(result.frame, octets);
  }
  void expect_dropped(const Octets& octets, steer_arrival why) const {
    const auto before = count(why);
    EXPECT_EQ(run(octets).verdict, std::uint32_t{TC_ACT_SHOT});
    EXPECT_EQ(count(why), before + 1);
  }
  /// The frame as it leaves to another server, when it does.
  std::optional<Octets> sent_on(const Octets& octets) const {
    auto result = run(octets);
    if (result.verdict != std::uint32_t{TC_ACT_REDIRECT}) return {};
    EXPECT_EQ(result.frame.at(11), 0xbb);
    return result.frame;
  }

  std::optional<BalancerServerPlane> plane;
};

/// Of each test of it, by the name of the parameter.
inline std::string family_of(const ::testing::TestParamInfo<const Addresses*>& info) {
  return info.param == &kIpv4 ? "IPv4" : "IPv6";
}

}  // namespace anabranch::balancer::server_plane_test
