// SPDX-License-Identifier: MIT
// What a proxy needs of stream sockets, TCP and MPTCP alike: listeners that take data out of the
// SYN (RFC 7413) or connections to other machines' addresses, connections begun with data in the
// SYN, and what became of one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::kernel {

struct ListenerOptions {
  Transport transport = Transport::kTcp;
  std::string congestion;
  /// Takes data of SYNs without a cookie; needs bit 2 of net.ipv4.tcp_fastopen.
  bool fast_open = false;
  /// Takes what tproxy gives it; a connection's own address is then the one that was asked for.
  bool transparent = false;
};

/// Non-blocking; others may listen on the same address and port (SO_REUSEPORT), the kernel spreads
/// connections over them. An IPv6 listener takes IPv6 alone.
Result<UniqueFd> listen_on(const Endpoint& endpoint, const ListenerOptions& options);

/// A connection that is waiting, or nothing: none is, or the one that was has gone. `error` is 0 or
/// says that the process has run out of something (EMFILE, ENFILE, ENOBUFS, ENOMEM).
struct Accepted {
  UniqueFd fd;
  Endpoint peer;
  int error = 0;
};
Accepted accept_from(int listener);

/// The address a connected or listening socket has; unmapped.
std::optional<Endpoint> own_endpoint(int fd);

/// The connection comes from this address, which may be another machine's (IP_TRANSPARENT: needs
/// CAP_NET_ADMIN, and its packets must find the way to us), at a port of the kernel's choice.
Result<void> connect_as(int fd, const IpAddress& source);

/// The same with an address of this machine; an error when it is none.
Result<void> connect_from(int fd, const IpAddress& source);

/// Begins a connection with `data` in its SYN, which may go without a cookie. Returns the octets
/// that were taken, of which the SYN carries as many as fit. 0 for no `data`: a plain connect.
/// Errors that come at once have the errno in `error`, which is 0 else.
struct Begun {
  std::size_t taken = 0;
  int error = 0;
};
Begun begin_connect(int fd, const Endpoint& to, std::span<const std::uint8_t> data);

/// The same to a server that is no partner of ours (RFC 7413): the SYN carries `data` when that
/// server has given us a cookie, else it asks for one. `data` may be empty. Needs bit 1 of
/// net.ipv4.tcp_fastopen.
Begun begin_fast_open(int fd, const Endpoint& to, std::span<const std::uint8_t> data);

/// Takes the pending error off the socket; 0 for none.
int take_error(int fd);

/// Made as MPTCP, or accepted from a peer that spoke it, also where it fell back to TCP since.
bool is_mptcp_socket(int fd);

/// The state of a TCP connection, for MPTCP of its first subflow (TCP_ESTABLISHED ...); 0 when
/// unknown. And whether the peer acknowledged data of our SYN, and permitted SACK in its answer.
struct StreamState {
  int state = 0;
  bool syn_data_taken = false;
  bool sack = false;
};
StreamState stream_state(int fd);

/// Notes ICMP errors beside the socket's own error (plain TCP only): icmp_code() tells then.
void note_icmp_errors(int fd, bool on);
/// Code of the ICMP or ICMPv6 "destination unreachable" that ended the connection attempt.
std::optional<std::uint8_t> icmp_code(int fd);

/// The most that the kernel lets a receive buffer grow to by itself, in octets (net.ipv4.tcp_rmem).
int largest_receive_buffer();
/// Fixes the receive buffer at `octets`, beyond net.core.rmem_max where we may.
void fix_receive_buffer(int fd, int octets);

/// Octets that the kernel holds in the buffers of the socket, both ways, with what it adds to them
/// (SO_MEMINFO). Of MPTCP those of the connection, not what its subflows have besides.
std::uint64_t buffered(int fd);

/// close() then sends a RST, on MPTCP with MP_FASTCLOSE.
void let_close_reset(int fd);
/// Packets of the socket carry this mark from now on (SO_MARK).
void set_mark(int fd, std::uint32_t mark);

}  // namespace anabranch::kernel
