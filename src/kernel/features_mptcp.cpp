// SPDX-License-Identifier: MIT
// Probes of Multipath TCP itself.
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/feature_probe.hpp"
#include "kernel/interface_state.hpp"
#include "kernel/mptcp_numbers.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::kernel {
namespace {

constexpr std::uint16_t kInetDiagReqProtocol = 3;

bool lists(const std::string& words, std::string_view word) {
  return (" " + words + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

/// Asks for all MPTCP sockets; the kernel's first message says whether it can list them.
Finding ask_for_sockets() {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) return finding_from_errno(errno, "NETLINK_SOCK_DIAG");
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
    nlattr attribute;
    std::uint32_t protocol;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_INET;
  message.request.sdiag_protocol = IPPROTO_RAW;  // "see the attribute": 262 does not fit in 8 bits
  message.request.idiag_states = ~0u;
  message.attribute = {.nla_len = sizeof(nlattr) + sizeof(std::uint32_t),
                       .nla_type = kInetDiagReqProtocol};
  message.protocol = kIpprotoMptcp;
  if (::send(socket.get(), &message, sizeof message, 0) < 0)
    return finding_from_errno(errno, "socket listing");
  alignas(nlmsghdr) char buffer[32768];
  const auto received = ::recv(socket.get(), buffer, sizeof buffer, 0);
  if (received < static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(int)))
    return finding_from_errno(errno, "socket listing");
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer);
  int error = 0;
  if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE)
    std::memcpy(&error, NLMSG_DATA(header), sizeof error);
  if (error < 0) return finding_from_errno(-error, "listing MPTCP sockets");
  return {FeatureState::kOk, "MPTCP sockets of all processes can be listed"};
}

/// A connection to ourselves, so that the question is asked of a real one.
Finding ask_own_connection() {
  if (const auto up = set_interface_up("lo", true); !up)
    return {FeatureState::kRefused, "loopback: " + up.error().what};
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kIpprotoMptcp));
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kIpprotoMptcp));
  if (!listener || !client) return finding_from_errno(errno, "MPTCP socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), generic, sizeof address) != 0 || ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), generic, &length) != 0 ||
      ::connect(client.get(), generic, sizeof address) != 0)
    return finding_from_errno(errno, "MPTCP connection over the loopback");
  alignas(8) char info[1024] = {};
  length = sizeof info;
  if (::getsockopt(client.get(), kSolMptcp, kMptcpInfo, info, &length) != 0)
    return finding_from_errno(errno, "MPTCP_INFO");
  std::memset(info, 0, sizeof info);
  length = sizeof info;
  if (::getsockopt(client.get(), kSolMptcp, kMptcpFullInfo, info, &length) != 0)
    return finding_from_errno(errno, "MPTCP_FULL_INFO");
  return {FeatureState::kOk, "a connection shows all its subflows in one call"};
}

}  // namespace

Finding probe_mptcp() {
  const auto enabled = read_sysctl("net/mptcp/enabled");
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kIpprotoMptcp));
  if (socket) return {FeatureState::kOk, "compiled in and enabled"};
  if (enabled && *enabled == "0")
    return {FeatureState::kRefused, "net.mptcp.enabled is 0", "sysctl -w net.mptcp.enabled=1"};
  return finding_from_errno(errno, "socket of protocol 262");
}

Finding probe_path_managers() {
  const auto available = read_sysctl("net/mptcp/available_path_managers");
  const auto current = read_sysctl("net/mptcp/path_manager");
  const auto type = read_sysctl("net/mptcp/pm_type");
  if (available)
    return {lists(*available, "userspace") ? FeatureState::kOk : FeatureState::kDegraded,
            *available + (current ? "; now " + *current : "")};
  if (type)
    return {FeatureState::kOk, "kernel userspace; now " +
                                   std::string(*type == "1" ? "userspace" : "kernel") +
                                   " (pm_type)"};
  return {FeatureState::kMissing,
          "neither net.mptcp.available_path_managers nor net.mptcp.pm_type"};
}

Finding probe_mptcp_pm() {
  if (const auto manager = MptcpPathManager::open(); !manager)
    return {FeatureState::kMissing, manager.error().what};
  return {FeatureState::kOk, "generic netlink family mptcp_pm"};
}

Finding probe_mptcp_diag() {
  return run_probe(ProbeGround::kHere, ask_for_sockets);
}

Finding probe_mptcp_full_info() {
  return run_probe(ProbeGround::kNamespace, ask_own_connection);
}

Finding probe_blackhole_timeout() {
  const auto timeout = read_sysctl("net/mptcp/blackhole_timeout");
  if (!timeout) return {FeatureState::kOk, "this kernel never turns MPTCP off by itself"};
  if (*timeout == "0") return {FeatureState::kOk, "0: never"};
  return {FeatureState::kOk, *timeout + " s without MPTCP after connections found it blocked"};
}

}  // namespace anabranch::kernel
