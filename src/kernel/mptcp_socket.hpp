// SPDX-License-Identifier: MIT
// Stream sockets that speak MPTCP, and what the kernel tells about a connection we hold ourselves.
// For connections of other processes see sock_diag; here the file descriptor is the key.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

enum class Transport : std::uint8_t { kTcp, kMptcp };

/// A non-blocking, close-on-exec stream socket. For kMptcp the error has code kNotPermitted and a
/// hint when this kernel or this network namespace has MPTCP switched off.
Result<UniqueFd> open_stream_socket(Family family, Transport transport);

/// Whether an MPTCP socket can be made here (kernel built with it, net.mptcp.enabled=1).
bool mptcp_available();

/// Sets the congestion control of `fd`; on a listener the accepted connections inherit it, on an
/// MPTCP socket every subflow. An unknown or forbidden name is an error with a hint.
Result<void> set_congestion_control(int fd, const std::string& name);

/// The congestion control in use.
Result<std::string> congestion_control(int fd);

/// Whether the connection really is MPTCP: false for plain TCP, and for an MPTCP socket whose peer
/// or path made it fall back (RFC 8684 section 3.7).
bool is_mptcp(int fd);

/// One subflow of a connection; a plain TCP connection is shown as its own single subflow.
struct SubflowInfo {
  IpAddress local;
  std::uint16_t local_port = 0;
  IpAddress remote;
  std::uint16_t remote_port = 0;
  bool established = false;  ///< TCP state ESTABLISHED
  /// Octets of TCP sequence space the peer acknowledged and we received. A SYN and a FIN may be in
  /// them with one octet each; data sent again on another subflow counts on both.
  std::uint64_t octets_acknowledged = 0;
  std::uint64_t octets_received = 0;
  std::chrono::microseconds rtt{};    ///< smoothed
  std::uint32_t retransmissions = 0;  ///< segments sent again over the subflow's life
};

/// The subflows of `fd` now, in the kernel's order. A subflow that is gone is not in it, nor one
/// that has no addresses any more. MPTCP needs Linux 6.5 (MPTCP_FULL_INFO).
Result<std::vector<SubflowInfo>> subflows(int fd);

}  // namespace anabranch::kernel
