// SPDX-License-Identifier: MIT
// Two hosts, each a network namespace, with two links between them: 10.77.1.1 - 10.77.1.2 and
// 10.77.2.1 - 10.77.2.2. Both have their MPTCP path manager in user space.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "kernel/mptcp_commands.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/mptcp_numbers.hpp"
#include "kernel/namespaces.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/sysctl.hpp"
#include "support/private_network.hpp"

namespace anabranch::test {

inline constexpr std::uint16_t kServerPort = 7000;
inline constexpr std::chrono::seconds kDeadline{5};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline kernel::Endpoint endpoint(const std::string& address, std::uint16_t port) {
  return {must(IpAddress::parse(address)), port};
}

inline sockaddr_storage socket_address(const kernel::Endpoint& of) {
  sockaddr_storage out{};
  of.address.to_sockaddr(of.port, out);
  return out;
}

/// A host: what is made inside() of it belongs to its network namespace.
class Host {
 public:
  explicit Host(unsigned number)
      : netns_(must(kernel::create_network_namespace())), number_(number) {}
  int netns() const { return netns_.get(); }

  template <class Work>
  auto inside(Work work) const {
    std::optional<decltype(work())> out;
    must(kernel::inside_network_namespace(netns(), [&]() -> Result<void> {
      out.emplace(work());
      return {};
    }));
    return std::move(*out);
  }
  void configure() const {
    inside([&] {
      auto netlink = must(kernel::Rtnetlink::open());
      for (const unsigned link : {1U, 2U}) {
        const auto index = must(netlink.link("link" + std::to_string(link))).index;
        must(netlink.set_up(index, true));
        const std::string address =
            "10.77." + std::to_string(link) + "." + std::to_string(number_) + "/24";
        must(netlink.add(kernel::Address{index, must(IpPrefix::parse(address))}));
      }
      if (kernel::read_sysctl("net/mptcp/blackhole_timeout"))
        must(kernel::write_sysctl("net/mptcp/blackhole_timeout", "0"));
      must(kernel::set_path_manager_type(kernel::PathManagerType::kUserspace));
      return true;
    });
  }

 private:
  UniqueFd netns_;
  unsigned number_;
};

class TwoHosts {
 public:
  TwoHosts() {
    auto netlink = must(kernel::Rtnetlink::open());
    for (const std::string name : {"link1", "link2"})
      must(netlink.create_veth(name, client.netns(), name, server.netns()));
    client.configure();
    server.configure();
  }
  Host client{1};
  Host server{2};
};

/// The two ends of a connection over the first link.
struct Connection {
  UniqueFd client;
  UniqueFd listener;
  UniqueFd server;

  /// The server listens on an IPv6 socket, as most do, and so has the client's IPv4 address mapped.
  explicit Connection(const TwoHosts& hosts, int protocol = kernel::kIpprotoMptcp)
      : Connection(hosts, protocol, protocol) {}
  Connection(const TwoHosts& hosts, int client_protocol, int server_protocol) {
    listener = hosts.server.inside([&] {
      UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, server_protocol));
      const int on = 1;
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      sockaddr_in6 any{};
      any.sin6_family = AF_INET6;
      any.sin6_port = htons(kServerPort);
      if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 ||
          ::listen(fd.get(), 8) != 0)
        throw std::runtime_error("cannot listen");
      return fd;
    });
    client = hosts.client.inside([&] {
      UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, client_protocol));
      const auto to = socket_address(endpoint("10.77.1.2", kServerPort));
      if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(sockaddr_in)) != 0)
        throw std::runtime_error("cannot connect");
      return fd;
    });
    server = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    // Its handshake is complete when data came back.
    exchange(1);
  }
  /// `size` octets to the server and as many back.
  void exchange(std::size_t size) const {
    std::vector<char> octets(size, 'x');
    const auto carry = [&](int from, int to) {
      if (::send(from, octets.data(), size, MSG_NOSIGNAL) != static_cast<ssize_t>(size) ||
          ::recv(to, octets.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size))
        throw std::runtime_error("the connection carries no data");
    };
    carry(client.get(), server.get());
    carry(server.get(), client.get());
  }
};

/// Every event of a host, kept.
class EventLog {
 public:
  using Type = kernel::MptcpEvent::Type;
  explicit EventLog(const Host& host)
      : monitor_(host.inside([] { return must(kernel::MptcpEventMonitor::open()); })) {}

  /// The first event of `type` that was not taken yet; waits for it until the deadline.
  std::optional<kernel::MptcpEvent> take(Type type) {
    const auto until = std::chrono::steady_clock::now() + kDeadline;
    for (;;) {
      for (auto event = events_.begin(); event != events_.end(); ++event) {
        if (event->type != type) continue;
        const auto out = *event;
        events_.erase(event);
        return out;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          until - std::chrono::steady_clock::now());
      pollfd wait{monitor_.fd(), POLLIN, 0};
      if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0)
        return std::nullopt;
      monitor_.drain([&](const kernel::MptcpEvent& event) { events_.push_back(event); });
    }
  }

 private:
  kernel::MptcpEventMonitor monitor_;
  std::vector<kernel::MptcpEvent> events_;
};

/// Asks again until `holds` or the deadline is over.
inline bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

}  // namespace anabranch::test
