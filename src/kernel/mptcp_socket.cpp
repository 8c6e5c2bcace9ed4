// SPDX-License-Identifier: MIT
// The kernel's interface below is described here and not taken from <linux/mptcp.h>, as the header
// of a distribution is often older than its kernel. Every structure of it grows at its end only,
// and the kernel says how much of each element it filled (size_*_kernel); we ask for the part we
// know and take what was not filled as absent.
#include "kernel/mptcp_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/mptcp_numbers.hpp"

namespace anabranch::kernel {
namespace {

constexpr std::uint32_t kFlagFallback = 1U << 0;
constexpr std::uint8_t kStateEstablished = 1;
/// More than the kernel's own limit of 8 subflows; closed ones may stay listed for a moment.
constexpr std::size_t kMostSubflows = 16;
constexpr std::string_view kCongestionHint =
    "net.ipv4.tcp_available_congestion_control names what the kernel has; without CAP_NET_ADMIN "
    "only "
    "those in net.ipv4.tcp_allowed_congestion_control";

/// Start of struct mptcp_info, up to the last member used.
struct InfoHead {
  std::array<std::uint8_t, 6> counts;
  std::uint16_t hole;
  std::uint32_t flags;
  std::uint32_t token;
};
static_assert(offsetof(InfoHead, flags) == 8);

struct AddressInfo {
  std::uint32_t id;
  std::uint32_t hole;
  sockaddr_storage local;
  sockaddr_storage remote;
};
static_assert(sizeof(AddressInfo) == 264);

/// struct mptcp_full_info without the struct mptcp_info at its end, which may be left out.
struct FullInfoRequest {
  std::uint32_t size_tcp_info_kernel;
  std::uint32_t size_tcp_info_user;
  std::uint32_t size_address_info_kernel;
  std::uint32_t size_address_info_user;
  std::uint32_t subflow_count;
  std::uint32_t array_length;
  std::uint64_t address_info;
  std::uint64_t tcp_info;
};
static_assert(sizeof(FullInfoRequest) == 40);

std::uint16_t port_of(const sockaddr_storage& address) {
  // The port is at the same place in sockaddr_in and sockaddr_in6.
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

bool fill_addresses(const sockaddr_storage& local, const sockaddr_storage& remote,
                    SubflowInfo& out) {
  const auto local_address = IpAddress::from_sockaddr(local);
  const auto remote_address = IpAddress::from_sockaddr(remote);
  if (!local_address || !remote_address) return false;
  out.local = *local_address;
  out.local_port = port_of(local);
  out.remote = *remote_address;
  out.remote_port = port_of(remote);
  return out.remote_port != 0;
}

/// `info` is zero beyond what the kernel filled.
void fill_figures(const ::tcp_info& info, SubflowInfo& out) {
  out.established = info.tcpi_state == kStateEstablished;
  out.octets_acknowledged = info.tcpi_bytes_acked;
  out.octets_received = info.tcpi_bytes_received;
  out.rtt = std::chrono::microseconds(info.tcpi_rtt);
  out.retransmissions = info.tcpi_total_retrans;
}

Result<std::vector<SubflowInfo>> plain_tcp(int fd) {
  ::tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return fail_errno("TCP_INFO");
  sockaddr_storage local{};
  sockaddr_storage remote{};
  socklen_t local_length = sizeof local;
  socklen_t remote_length = sizeof remote;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_length) != 0)
    return fail_errno("getsockname");
  SubflowInfo out;
  // ENOTCONN: the connection is over; nothing left to show.
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &remote_length) != 0 ||
      !fill_addresses(local, remote, out))
    return std::vector<SubflowInfo>{};
  fill_figures(info, out);
  return std::vector{out};
}

}  // namespace

Result<UniqueFd> open_stream_socket(Family family, Transport transport) {
  const int protocol = transport == Transport::kMptcp ? kIpprotoMptcp : IPPROTO_TCP;
  UniqueFd fd(
      ::socket(address_family(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (fd) return fd;
  auto error = fail_errno(transport == Transport::kMptcp ? "MPTCP socket" : "TCP socket");
  if (transport == Transport::kMptcp) {
    error.error().code = ExitCode::kNotPermitted;
    error.error().hint =
        "needs a kernel with MPTCP and net.mptcp.enabled=1 in this network namespace";
  }
  return error;
}

bool mptcp_available() {
  return open_stream_socket(Family::kIpv4, Transport::kMptcp).has_value();
}

Result<void> set_congestion_control(int fd, const std::string& name) {
  if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                   static_cast<socklen_t>(name.size())) != 0) {
    auto error = fail_errno("congestion control '" + name + "' refused");
    error.error().hint = kCongestionHint;
    return error;
  }
  // An MPTCP socket without a subflow takes any name and drops it silently when the subflow is
  // made.
  const auto in_use = congestion_control(fd);
  if (!in_use) return std::unexpected(in_use.error());
  if (*in_use == name) return {};
  return fail("congestion control '" + name + "' refused, '" + *in_use + "' stays", {},
              std::string(kCongestionHint));
}

Result<std::string> congestion_control(int fd) {
  std::array<char, 16> name{};
  auto length = static_cast<socklen_t>(name.size());
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0)
    return fail_errno("TCP_CONGESTION");
  return std::string(name.data(), ::strnlen(name.data(), name.size()));
}

bool is_mptcp(int fd) {
  InfoHead info{};
  socklen_t length = sizeof info;
  // A connection that fell back answers as the TCP socket it has become: no such level.
  if (::getsockopt(fd, kSolMptcp, kMptcpInfo, &info, &length) != 0) return false;
  if (length < offsetof(InfoHead, token)) return false;
  return (info.flags & kFlagFallback) == 0;
}

Result<std::vector<SubflowInfo>> subflows(int fd) {
  std::array<::tcp_info, kMostSubflows> figures{};
  std::array<AddressInfo, kMostSubflows> addresses{};
  FullInfoRequest request{};
  request.size_tcp_info_user = sizeof(::tcp_info);
  request.size_address_info_user = sizeof(AddressInfo);
  request.array_length = kMostSubflows;
  request.tcp_info = reinterpret_cast<std::uintptr_t>(figures.data());
  request.address_info = reinterpret_cast<std::uintptr_t>(addresses.data());
  socklen_t length = sizeof request;
  if (::getsockopt(fd, kSolMptcp, kMptcpFullInfo, &request, &length) != 0) {
    if (!is_mptcp(fd)) return plain_tcp(fd);
    return fail_errno("MPTCP_FULL_INFO");
  }
  if (request.size_address_info_kernel < sizeof(AddressInfo) ||
      request.size_tcp_info_kernel < offsetof(::tcp_info, tcpi_bytes_received) + 8)
    return fail("MPTCP_FULL_INFO: the kernel's structures are smaller than expected");

  std::vector<SubflowInfo> out;
  const auto count = std::min<std::size_t>(request.subflow_count, kMostSubflows);
  for (std::size_t i = 0; i < count; ++i) {
    SubflowInfo subflow;
    if (!fill_addresses(addresses[i].local, addresses[i].remote, subflow)) continue;
    fill_figures(figures[i], subflow);
    out.push_back(subflow);
  }
  return out;
}

}  // namespace anabranch::kernel
