// SPDX-License-Identifier: MIT
// Sockets whose packets leave by one uplink and no other, and what ICMP has to say to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::probe {

/// How a question leaves, whatever the machine's other routes say.
struct Way {
  std::string interface;                           ///< bound to it (SO_BINDTODEVICE)
  std::uint32_t mark = 0;                          ///< of its packets (SO_MARK)
  std::optional<IpAddress> source = std::nullopt;  ///< nothing: the kernel's choice
  bool operator==(const Way&) const = default;
};

/// A raw socket that hears echo replies of `address` and nothing else; with it goes what is sent.
/// Needs CAP_NET_RAW and CAP_NET_ADMIN; so does the next one. None of them ever blocks.
Result<UniqueFd> open_echo_socket(const Way& way, const IpAddress& address);

/// A TCP connection that has begun; it is writable once it is there, or refused. Closing it leaves
/// nothing behind: the peer is sent a reset. What ICMP says is heard of TCP only.
Result<UniqueFd> open_connection(const Way& way, const IpAddress& address, std::uint16_t port,
                                 kernel::Transport transport = kernel::Transport::kTcp);

/// The oldest ICMP error that came for the socket.
struct IcmpError {
  IpAddress from;
  int error = 0;  ///< what the kernel makes of it, as errno
};
std::optional<IcmpError> take_icmp_error(int fd);

/// The error that the socket is in, as errno; 0 for none.
int take_socket_error(int fd);

}  // namespace anabranch::probe
