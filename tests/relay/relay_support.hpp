// SPDX-License-Identifier: MIT
// A reactor in a thread of its own with its relays, and connections through it over the loopback of
// a private network namespace. A test holds the two outer ends as blocking sockets.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/mptcp_numbers.hpp"
#include "kernel/mptcp_socket.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/sysctl.hpp"
#include "relay/relay.hpp"
#include "support/private_network.hpp"

namespace anabranch::relay::test {

/// Once in a process. Where namespaces are not allowed, the loopback everybody shares does.
inline void enter_network() {
  static const bool entered = [] {
    if (!anabranch::test::enter_private_network()) return false;
    auto netlink = kernel::Rtnetlink::open();
    EXPECT_TRUE(netlink && netlink->set_up(1, true));
    EXPECT_TRUE(!kernel::read_sysctl("net/mptcp/blackhole_timeout") ||
                kernel::write_sysctl("net/mptcp/blackhole_timeout", "0"));
    return true;
  }();
  (void)entered;
}

inline int protocol(bool mptcp) {
  return mptcp ? kernel::kIpprotoMptcp : IPPROTO_TCP;
}

/// A connection: who opened it and who accepted it.
struct Ends {
  UniqueFd active;
  UniqueFd passive;
};

/// `buffer`: of both ends in octets, 0 leaves them as they are.
inline Ends connect_over_loopback(bool mptcp, int buffer = 0) {
  const auto open = [&] {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol(mptcp)));
    EXPECT_EQ(::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, "cubic", 5), 0);
    if (buffer != 0)
      for (const int option : {SO_SNDBUF, SO_RCVBUF})
        ::setsockopt(fd.get(), SOL_SOCKET, option, &buffer, sizeof buffer);
    return fd;
  };
  const UniqueFd listener = open();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.get(), 8), 0);
  ::getsockname(listener.get(), generic, &size);
  Ends ends{open(), {}};
  EXPECT_EQ(::connect(ends.active.get(), generic, size), 0);
  ends.passive.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (mptcp) {
    EXPECT_TRUE(kernel::is_mptcp(ends.active.get()));
    EXPECT_TRUE(kernel::is_mptcp(ends.passive.get()));
  }
  return ends;
}

/// A stream of octets that tells where it is wrong.
class Pattern {
 public:
  explicit Pattern(std::uint32_t seed) : random_(seed) {}
  void fill(std::uint8_t* octets, std::size_t size) {
    for (std::size_t at = 0; at < size; ++at) octets[at] = next();
  }
  bool matches(const std::uint8_t* octets, std::size_t size) {
    for (std::size_t at = 0; at < size; ++at)
      if (octets[at] != next()) return false;
    return true;
  }

 private:
  std::uint8_t next() {
    if (left_ == 0) {
      word_ = random_();
      left_ = 4;
    }
    --left_;
    return static_cast<std::uint8_t>(word_ >> (8 * left_));
  }
  std::minstd_rand random_;
  std::uint_fast32_t word_ = 0;
  int left_ = 0;
};

/// Writes `size` octets of the pattern in pieces of `piece` at most. False when the connection is
/// lost.
inline bool send_pattern(int fd, Pattern& pattern, std::size_t size, std::size_t piece = 100'000) {
  std::vector<std::uint8_t> buffer(std::min(size, piece));
  while (size > 0) {
    const std::size_t now = std::min(size, buffer.size());
    pattern.fill(buffer.data(), now);
    for (std::size_t sent = 0; sent < now;) {
      const ssize_t put = ::send(fd, buffer.data() + sent, now - sent, MSG_NOSIGNAL);
      if (put <= 0) return false;
      sent += static_cast<std::size_t>(put);
    }
    size -= now;
  }
  return true;
}

/// Reads `size` octets and compares them.
inline bool receive_pattern(int fd, Pattern& pattern, std::size_t size) {
  std::vector<std::uint8_t> buffer(std::min<std::size_t>(size, 300'000));
  while (size > 0) {
    const ssize_t got = ::recv(fd, buffer.data(), std::min(size, buffer.size()), 0);
    if (got <= 0 || !pattern.matches(buffer.data(), static_cast<std::size_t>(got))) return false;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

/// What the next read says: 0 at the end of the stream, -errno, or octets.
inline ssize_t next_read(int fd) {
  char octet = 0;
  const ssize_t got = ::recv(fd, &octet, 1, 0);
  return got < 0 ? -errno : got;
}

inline void set_patience(int fd) {
  const timeval patience{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/// A connection through a relay, seen from outside.
struct Through {
  UniqueFd client;
  UniqueFd server;
  std::future<Summary> summary;

  /// How it ended; it has to within 10 s.
  std::optional<Summary> end() {
    if (summary.wait_for(std::chrono::seconds(10)) != std::future_status::ready)
      return std::nullopt;
    return summary.get();
  }
};

class Bench {
 public:
  explicit Bench(RelaySettings settings = {}) {
    enter_network();
    auto made = Reactor::create();
    EXPECT_TRUE(made);
    reactor_ = std::move(*made);
    std::promise<void> ready;
    thread_ = std::jthread([this, settings, &ready] {
      relays_ = std::make_unique<Relays>(*reactor_, settings);
      ready.set_value();
      reactor_->run();
      relays_.reset();
    });
    ready.get_future().wait();
  }
  ~Bench() { reactor_->stop(); }

  /// Runs `work` on the reactor's thread and returns its result.
  template <class Work>
  auto inside(Work work) {
    std::promise<decltype(work())> done;
    reactor_->post([&] {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        done.set_value();
      } else {
        done.set_value(work());
      }
    });
    return done.get_future().get();
  }
  RelayCounts counts() {
    return inside([this] { return relays_->counts(); });
  }
  Relays& relays() { return *relays_; }

  struct Told final : Relays::Listener {
    explicit Told(std::promise<Summary> to) : promise(std::move(to)) {}
    void ended(const Summary& summary) override { promise.set_value(summary); }
    std::promise<Summary> promise;
  };

  Through connect(bool client_mptcp, bool server_mptcp, int buffer = 0,
                  std::vector<std::uint8_t> first_to_client = {},
                  std::vector<std::uint8_t> first_to_server = {}) {
    Ends client = connect_over_loopback(client_mptcp, buffer);
    Ends server = connect_over_loopback(server_mptcp, buffer);
    std::promise<Summary> promise;
    Through through{std::move(client.active), std::move(server.passive), promise.get_future()};
    set_patience(through.client.get());
    set_patience(through.server.get());
    for (const int fd : {client.passive.get(), server.active.get()})
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
    inside([&] {
      relays_->add({std::move(client.passive), client_mptcp, std::move(first_to_client)},
                   {std::move(server.active), server_mptcp, std::move(first_to_server)},
                   std::make_unique<Told>(std::move(promise)));
    });
    return through;
  }

 private:
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Relays> relays_;
  std::jthread thread_;
};

/// Asks again until `holds`, for 10 s at most.
inline bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator list("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

/// Which protocols and which way a test uses.
struct Case {
  bool client_mptcp;
  bool server_mptcp;
  Way way;
};

inline std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  const auto protocol_name = [](bool mptcp) { return std::string(mptcp ? "Mptcp" : "Tcp"); };
  const char* ways[] = {"", "Splice", "Copy"};
  return protocol_name(info.param.client_mptcp) + protocol_name(info.param.server_mptcp) +
         ways[static_cast<int>(info.param.way)];
}

/// With Way::kMeasured, all four pairs of protocols; and the pairs the other ways are tried with.
inline std::vector<Case> cases(bool with_ways) {
  std::vector<Case> out;
  for (const bool client : {false, true})
    for (const bool server : {false, true})
      for (const Way way : {Way::kMeasured, Way::kSplice, Way::kCopy})
        if (way == Way::kMeasured || with_ways) out.push_back({client, server, way});
  return out;
}

/// A test of each pair; those with MPTCP are skipped where the kernel has none.
class RelayTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    enter_network();
    if ((GetParam().client_mptcp || GetParam().server_mptcp) && !kernel::mptcp_available())
      GTEST_SKIP() << "this kernel has no MPTCP";
  }
  static RelaySettings settings() { return {.way = GetParam().way}; }
  static Through connect(Bench& bench, int buffer = 0) {
    return bench.connect(GetParam().client_mptcp, GetParam().server_mptcp, buffer);
  }
};

}  // namespace anabranch::relay::test
