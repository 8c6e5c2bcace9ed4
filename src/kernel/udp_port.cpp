// SPDX-License-Identifier: MIT
#include "kernel/udp_port.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

namespace anabranch::kernel {

Result<UniqueFd> hold_udp_port(const std::string& interface, const IpAddress& address,
                               std::uint16_t port) {
  UniqueFd fd(::socket(address_family(address.family()), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot open a UDP socket", interface);
  const int on = 1;
  // Drop everything at the socket: nobody reads it.
  sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{1, drop};
  sockaddr_storage local{};
  const unsigned length = address.to_sockaddr(port, local);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size())) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), length) != 0)
    return fail_errno("cannot hold UDP port " + std::to_string(port), interface);
  return fd;
}

}  // namespace anabranch::kernel
