// SPDX-License-Identifier: MIT
// A connection of this machine to itself, for who asks the kernel what connections there are.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "kernel/interface_state.hpp"

namespace anabranch::test {

inline constexpr int kPatience = 5;  ///< seconds

inline void bring_up_loopback() {
  if (const auto up = kernel::set_interface_up("lo", true); !up)
    throw std::runtime_error(up.error().text());
}

inline UniqueFd checked(int descriptor, const char* what) {
  if (descriptor < 0) throw std::runtime_error(what);
  return UniqueFd(descriptor);
}

inline UniqueFd stream_socket(const IpAddress& local, std::uint16_t port, int protocol) {
  auto out = checked(::socket(address_family(local.family()), SOCK_STREAM | SOCK_CLOEXEC, protocol),
                     "no socket");
  const int yes = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_storage address{};
  const auto length = local.to_sockaddr(port, address);
  if (::bind(out.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw std::runtime_error("cannot bind to " + local.text());
  return out;
}

/// Of TCP or of MPTCP.
class LoopbackListener {
 public:
  LoopbackListener(const Endpoint& at, int protocol)
      : socket_(stream_socket(at.address, at.port, protocol)) {
    if (::listen(socket_.get(), 8) != 0) throw std::runtime_error("cannot listen");
  }
  UniqueFd accept() const { return checked(::accept(socket_.get(), nullptr, nullptr), "nobody"); }

 private:
  UniqueFd socket_;
};

/// Its listener goes on listening as long as it lives.
class LoopbackConnection {
 public:
  LoopbackConnection(const IpAddress& client, const Endpoint& service, int protocol)
      : listener_(service, protocol),
        frames_(checked(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)),
                        "no packet socket")),
        client_(stream_socket(client, 0, protocol)),
        is_v4_(client.is_v4()) {
    sockaddr_storage address{};
    const auto length = service.address.to_sockaddr(service.port, address);
    if (::connect(client_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
      throw std::runtime_error("cannot connect to " + service.text());
    accepted_ = listener_.accept();
    socklen_t room = sizeof address;
    ::getsockname(client_.get(), reinterpret_cast<sockaddr*>(&address), &room);
    const auto port = is_v4_ ? reinterpret_cast<sockaddr_in&>(address).sin_port
                             : reinterpret_cast<sockaddr_in6&>(address).sin6_port;
    local_ = {client, ntohs(port)};
  }

  const Endpoint& client() const { return local_; }

  /// Which then keeps the connection's addresses and ports in TIME_WAIT.
  void close_by_server() {
    accepted_ = {};
    client_ = {};
  }

  /// By resets: nothing of it is left.
  void forget() {
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    ::connect(client_.get(), &nobody, sizeof nobody);
    pollfd waiting{.fd = accepted_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kPatience * 1000) != 1) throw std::runtime_error("no reset came");
    accepted_ = {};
  }

  /// The frame that has ended the handshake.
  std::vector<std::uint8_t> third_packet() const {
    const timeval patience{.tv_sec = kPatience, .tv_usec = 0};
    ::setsockopt(frames_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const std::size_t tcp = ETH_HLEN + (is_v4_ ? 20 : 40);
    while (true) {
      std::vector<std::uint8_t> frame(2048);
      const auto octets = ::recv(frames_.get(), frame.data(), frame.size(), 0);
      if (octets < 0) throw std::runtime_error("no third packet was seen");
      frame.resize(static_cast<std::size_t>(octets));
      if (frame.size() < tcp + 20) continue;
      const auto source = static_cast<std::uint16_t>(frame[tcp] << 8 | frame[tcp + 1]);
      constexpr std::uint8_t kSynAndAck = 0x12;
      if (source == local_.port && (frame[tcp + 13] & kSynAndAck) == 0x10) return frame;
    }
  }

 private:
  LoopbackListener listener_;
  UniqueFd frames_;
  UniqueFd client_;
  UniqueFd accepted_;
  Endpoint local_;
  bool is_v4_;
};

}  // namespace anabranch::test
