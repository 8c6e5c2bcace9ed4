// SPDX-License-Identifier: MIT
#include "paths/listeners.hpp"

#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/mptcp_socket.hpp"

namespace anabranch::paths {
namespace {

/// Joins whose handshake is under way are held in the listener's queue.
constexpr int kBacklog = 4096;
/// Of one wake-up: a flood of connections must not keep the daemon from its work.
constexpr int kMostAtOnce = 64;

Result<void> set_one(int fd, int level, int option, const Endpoint& endpoint) {
  const int one = 1;
  if (::setsockopt(fd, level, option, &one, sizeof one) == 0) return {};
  return fail_errno("cannot prepare a listener", endpoint.text());
}

Result<UniqueFd> listening_socket(const Endpoint& endpoint) {
  const Family family = endpoint.address.family();
  auto fd = kernel::open_stream_socket(family, kernel::Transport::kMptcp);
  if (!fd) return fd;
  // Connections of the same port may live at this address, or linger in TIME_WAIT.
  ANABRANCH_TRY(set_one(fd->get(), SOL_SOCKET, SO_REUSEADDR, endpoint));
  if (family == Family::kIpv6)
    ANABRANCH_TRY(set_one(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, endpoint));
  sockaddr_storage address{};
  const unsigned length = endpoint.address.to_sockaddr(endpoint.port, address);
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    return fail_errno("cannot bind a listener", endpoint.text());
  if (::listen(fd->get(), kBacklog) != 0) return fail_errno("cannot listen", endpoint.text());
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  // The port is at the same place in sockaddr_in and sockaddr_in6.
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

input::Listening Listeners::ask(const Endpoint& endpoint) {
  const auto found = sockets_.takes_joins(endpoint);
  if (!found) log::warning("{}", found.error().text());
  return {endpoint, found.value_or(false)};
}

input::Listening Listeners::open(const Endpoint& endpoint) {
  if (open_.contains(endpoint)) return {endpoint, true};
  if (open_.size() >= kMost) {
    log::warning("{} listeners are open; joins to {} cannot be taken", open_.size(),
                 endpoint.text());
    return {endpoint, false};
  }
  auto fd = listening_socket(endpoint);
  if (!fd) {
    log::info("{}", fd.error().text());
    return {endpoint, false};
  }
  Endpoint actual = endpoint;
  if (actual.port == 0) actual.port = port_of(fd->get());
  auto readable = loop_.on_readable(fd->get(), [this, raw = fd->get()] { refuse_waiting(raw); });
  open_[actual] = {std::move(*fd), std::move(readable)};
  return {actual, true};
}

void Listeners::refuse_waiting(int fd) {
  for (int i = 0; i < kMostAtOnce; ++i) {
    const UniqueFd client(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) {
      // A connection that was reset before we came is no reason to leave the others.
      if (errno == ECONNABORTED || errno == EINTR) continue;
      break;
    }
    const linger reset{1, 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ++refused_;
  }
  if (refused_ > 0 && refusal_lines_.allow(log::RateLimit::Clock::now()))
    log::info("connections to listeners that take joins only were reset: {} so far", refused_);
}

}  // namespace anabranch::paths
