// SPDX-License-Identifier: MIT
#include "kernel/stream_socket.hpp"

#include <array>
#include <cerrno>
#include <sstream>
#include <utility>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/mptcp_numbers.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::kernel {
namespace {

constexpr int kBacklog = 4096;

bool set_int(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool set_transparent(int fd, Family family) {
  return family == Family::kIpv4 ? set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1)
                                 : set_int(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
}

std::optional<Endpoint> endpoint_of(const sockaddr_storage& address) {
  const auto ip = IpAddress::from_sockaddr(address);
  if (!ip) return std::nullopt;
  // The port is at the same place in sockaddr_in and sockaddr_in6.
  return Endpoint{ip->unmapped(), ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port)};
}

bool ran_out(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Result<UniqueFd> listen_on(const Endpoint& endpoint, const ListenerOptions& options) {
  const bool v4 = endpoint.address.is_v4();
  auto fd = open_stream_socket(endpoint.address.family(), options.transport);
  if (!fd) return fd;
  if (!options.congestion.empty())
    ANABRANCH_TRY(set_congestion_control(fd->get(), options.congestion));
  set_int(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (!set_int(fd->get(), SOL_SOCKET, SO_REUSEPORT, 1))
    return fail_errno("SO_REUSEPORT", endpoint.text());
  if (!v4) set_int(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (options.transparent && !set_transparent(fd->get(), endpoint.address.family())) {
    auto error = fail_errno("IP_TRANSPARENT", endpoint.text());
    error.error().hint = "needs CAP_NET_ADMIN";
    return error;
  }
  if (options.fast_open) {
    set_int(fd->get(), IPPROTO_TCP, TCP_FASTOPEN, kBacklog);
    set_int(fd->get(), IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
  }
  sockaddr_storage address{};
  const socklen_t length = endpoint.address.to_sockaddr(endpoint.port, address);
  if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    return fail_errno("cannot listen", endpoint.text());
  if (::listen(fd->get(), kBacklog) != 0) return fail_errno("cannot listen", endpoint.text());
  return fd;
}

Accepted accept_from(int listener) {
  for (;;) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    UniqueFd fd(::accept4(listener, reinterpret_cast<sockaddr*>(&address), &length,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) return {std::move(fd), endpoint_of(address).value_or(Endpoint()), 0};
    const int error = errno;
    if (ran_out(error)) return {UniqueFd(), {}, error};
    if (error == EAGAIN || error == EINVAL || error == EBADF) return {};
    // What went wrong with the connection itself is reported here and says nothing of the next.
  }
}

std::optional<Endpoint> own_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return endpoint_of(address);
}

Result<void> connect_as(int fd, const IpAddress& source) {
  if (!set_transparent(fd, source.family())) return fail_errno("IP_TRANSPARENT", source.text());
  return connect_from(fd, source);
}

Result<void> connect_from(int fd, const IpAddress& source) {
  // The port is taken at connect(), where one serves many destinations.
  set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  sockaddr_storage address{};
  const socklen_t length = source.to_sockaddr(0, address);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0)
    return fail_errno("cannot connect from", source.text());
  return {};
}

Begun begin_fast_open(int fd, const Endpoint& to, std::span<const std::uint8_t> data) {
  sockaddr_storage address{};
  const socklen_t length = to.address.to_sockaddr(to.port, address);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  const auto sent =
      ::sendto(fd, data.data(), data.size(), MSG_FASTOPEN | MSG_NOSIGNAL, name, length);
  if (sent >= 0) return {.taken = static_cast<std::size_t>(sent)};
  // Begun, and the data went nowhere: it is for the caller to send.
  if (errno == EINPROGRESS) return {};
  return {.error = errno};
}

Begun begin_connect(int fd, const Endpoint& to, std::span<const std::uint8_t> data) {
  if (data.empty()) {
    sockaddr_storage address{};
    const socklen_t length = to.address.to_sockaddr(to.port, address);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
        errno == EINPROGRESS)
      return {};
    return {.error = errno};
  }
  set_int(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
  return begin_fast_open(fd, to, data);
}

int take_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

bool is_mptcp_socket(int fd) {
  int protocol = 0;
  socklen_t length = sizeof protocol;
  return ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
         protocol == kIpprotoMptcp;
}

StreamState stream_state(int fd) {
  ::tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  return {info.tcpi_state, (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0,
          (info.tcpi_options & TCPI_OPT_SACK) != 0};
}

void note_icmp_errors(int fd, bool on) {
  // The one of the other family fails, which is no matter.
  set_int(fd, IPPROTO_IP, IP_RECVERR, on ? 1 : 0);
  set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, on ? 1 : 0);
}

std::optional<std::uint8_t> icmp_code(int fd) {
  std::array<char, 512> control{};
  std::array<char, 64> data{};
  for (;;) {
    iovec vector{data.data(), data.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      const bool error = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                         (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
      if (!error) continue;
      const auto& told = *reinterpret_cast<const sock_extended_err*>(CMSG_DATA(part));
      const bool v4 = told.ee_origin == SO_EE_ORIGIN_ICMP && told.ee_type == ICMP_DEST_UNREACH;
      const bool v6 = told.ee_origin == SO_EE_ORIGIN_ICMP6 && told.ee_type == ICMPV6_DEST_UNREACH;
      if (v4 || v6) return told.ee_code;
    }
  }
}

int largest_receive_buffer() {
  constexpr int kUsual = 6 << 20;
  std::istringstream numbers(read_sysctl("net/ipv4/tcp_rmem").value_or(""));
  int least = 0;
  int first = 0;
  int most = 0;
  numbers >> least >> first >> most;
  return most > 0 ? most : kUsual;
}

void fix_receive_buffer(int fd, int octets) {
  // The kernel doubles what it is told.
  if (!set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, octets / 2))
    set_int(fd, SOL_SOCKET, SO_RCVBUF, octets / 2);
}

std::uint64_t buffered(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof memory;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) return 0;
  return std::uint64_t{memory[SK_MEMINFO_RMEM_ALLOC]} + memory[SK_MEMINFO_WMEM_QUEUED] +
         memory[SK_MEMINFO_BACKLOG];
}

void let_close_reset(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void set_mark(int fd, std::uint32_t mark) {
  set_int(fd, SOL_SOCKET, SO_MARK, static_cast<int>(mark));
}

}  // namespace anabranch::kernel
