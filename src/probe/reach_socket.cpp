// SPDX-License-Identifier: MIT
#include "probe/reach_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/mptcp_numbers.hpp"

namespace anabranch::probe {
namespace {

/// SOL_RAW, which no header has.
constexpr int kRawLevel = 255;

template <class Value>
Result<void> set(int fd, int level, int option, const Value& value, const char* name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0)
    return fail_errno("cannot set " + std::string(name) + " of a probe's socket");
  return {};
}

/// Binds the socket to the way. The interface comes first: an address of an uplink may be elsewhere
/// too.
Result<void> bind_to(int fd, const Way& way) {
  if (way.mark != 0) ANABRANCH_TRY(set(fd, SOL_SOCKET, SO_MARK, way.mark, "SO_MARK"));
  if (!way.interface.empty() && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, way.interface.c_str(),
                                             static_cast<socklen_t>(way.interface.size())) != 0)
    return fail_errno("cannot probe over this interface", way.interface);
  if (!way.source) return {};
  sockaddr_storage name{};
  const auto size = way.source->to_sockaddr(0, name);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), size) != 0)
    return fail_errno("cannot probe from this address", way.source->text());
  return {};
}

Result<void> hear_icmp_errors(int fd, Family family) {
  const bool v4 = family == Family::kIpv4;
  return set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, 1, "RECVERR");
}

Result<void> hear_echo_replies_only(int fd, Family family) {
  if (family == Family::kIpv4) {
    icmp_filter filter{};
    filter.data = ~(1u << ICMP_ECHOREPLY);
    return set(fd, kRawLevel, ICMP_FILTER, filter, "ICMP_FILTER");
  }
  icmp6_filter filter{};
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  return set(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter, "ICMP6_FILTER");
}

/// Opens, binds and connects. A datagram socket that is connected hears its peer only.
Result<UniqueFd> open_socket(const Way& way, const IpAddress& address, std::uint16_t port, int type,
                             int protocol) {
  UniqueFd fd(
      ::socket(address_family(address.family()), type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd) return fail_errno("cannot open a socket for probes");
  if (type == SOCK_RAW) {
    ANABRANCH_TRY(hear_echo_replies_only(fd.get(), address.family()));
  } else {
    ANABRANCH_TRY(set(fd.get(), SOL_SOCKET, SO_LINGER, linger{1, 0}, "SO_LINGER"));
    // A port is chosen when the peer is known: many probes may share one.
    ANABRANCH_TRY(set(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT"));
  }
  // Sockets of MPTCP do not have it.
  if (protocol != kernel::kIpprotoMptcp)
    ANABRANCH_TRY(hear_icmp_errors(fd.get(), address.family()));
  ANABRANCH_TRY(bind_to(fd.get(), way));
  sockaddr_storage name{};
  const auto size = address.to_sockaddr(port, name);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0 &&
      errno != EINPROGRESS)
    return fail_errno("cannot send a probe", address.text());
  return fd;
}

}  // namespace

Result<UniqueFd> open_echo_socket(const Way& way, const IpAddress& address) {
  return open_socket(
      way, address, 0, SOCK_RAW,
      address.is_v4() ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6));
}

Result<UniqueFd> open_connection(const Way& way, const IpAddress& address, std::uint16_t port,
                                 kernel::Transport transport) {
  return open_socket(way, address, port, SOCK_STREAM,
                     transport == kernel::Transport::kMptcp ? kernel::kIpprotoMptcp
                                                            : static_cast<int>(IPPROTO_TCP));
}

std::optional<IcmpError> take_icmp_error(int fd) {
  alignas(cmsghdr) std::array<char, 512> control{};
  std::array<char, 64> quoted{};
  iovec vector{quoted.data(), quoted.size()};
  while (true) {
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      const bool told = (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
                        (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR);
      if (!told) continue;
      // The error, and behind it the address of whoever has sent it.
      struct {
        sock_extended_err error;
        sockaddr_storage from;
      } what{};
      std::memcpy(&what, CMSG_DATA(header),
                  std::min(sizeof what, static_cast<std::size_t>(header->cmsg_len - CMSG_LEN(0))));
      if (what.error.ee_origin != SO_EE_ORIGIN_ICMP && what.error.ee_origin != SO_EE_ORIGIN_ICMP6)
        continue;
      const auto from = IpAddress::from_sockaddr(what.from);
      return IcmpError{from.value_or(IpAddress()), static_cast<int>(what.error.ee_errno)};
    }
  }
}

int take_socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace anabranch::probe
