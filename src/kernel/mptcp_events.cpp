// SPDX-License-Identifier: MIT
#include "kernel/mptcp_events.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/mptcp_family.hpp"
#include "kernel/mptcp_numbers.hpp"

namespace anabranch::kernel {
namespace {

constexpr std::string_view kGroup = "mptcp_pm_events";

std::optional<MptcpEvent::Type> type_of(std::uint8_t command) {
  using Type = MptcpEvent::Type;
  switch (command) {
    case pm::kEventCreated:
      return Type::kCreated;
    case pm::kEventEstablished:
      return Type::kEstablished;
    case pm::kEventClosed:
      return Type::kClosed;
    case pm::kEventAnnounced:
      return Type::kAnnounced;
    case pm::kEventRemoved:
      return Type::kRemoved;
    case pm::kEventSubEstablished:
      return Type::kSubflowEstablished;
    case pm::kEventSubClosed:
      return Type::kSubflowClosed;
    case pm::kEventSubPriority:
      return Type::kSubflowPriority;
    case pm::kEventListenerCreated:
      return Type::kListenerCreated;
    case pm::kEventListenerClosed:
      return Type::kListenerClosed;
    default:
      return std::nullopt;
  }
}

Endpoint endpoint_of(const Attributes& attributes, int addr4, int addr6, int port) {
  Endpoint out;
  const auto address =
      attributes.has(addr4) ? attributes.address(addr4) : attributes.address(addr6);
  // A listener for both families sees its IPv4 peers by mapped addresses.
  if (address) out.address = address->unmapped();
  out.port = ntohs(attributes.u16(port));
  return out;
}

}  // namespace

std::optional<MptcpEvent> parse_mptcp_event(const nlmsghdr& message) {
  if (message.nlmsg_type < NLMSG_MIN_TYPE || message.nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
    return std::nullopt;
  const auto& header = *static_cast<const genlmsghdr*>(NLMSG_DATA(&message));
  const auto type = type_of(header.cmd);
  if (!type) return std::nullopt;
  const Attributes attributes(message, sizeof(genlmsghdr));
  const auto flags = attributes.u16(pm::kEventFlags);
  MptcpEvent out;
  out.type = *type;
  out.token = attributes.u32(pm::kEventToken);
  out.local =
      endpoint_of(attributes, pm::kEventSourceAddr4, pm::kEventSourceAddr6, pm::kEventSourcePort);
  out.remote = endpoint_of(attributes, pm::kEventDestinationAddr4, pm::kEventDestinationAddr6,
                           pm::kEventDestinationPort);
  out.local_id = attributes.u8(pm::kEventLocalId);
  out.remote_id = attributes.u8(pm::kEventRemoteId);
  out.server_side =
      attributes.u8(pm::kEventServerSide) != 0 || (flags & pm::kEventFlagServerSide) != 0;
  out.deny_join_id0 = (flags & pm::kEventFlagDenyJoinId0) != 0;
  out.backup = attributes.u8(pm::kEventBackup) != 0;
  out.error = attributes.u8(pm::kEventError);
  out.ifindex = attributes.u32(pm::kEventIfIdx);
  if (attributes.has(pm::kEventResetReason))
    out.reset_reason = attributes.u32(pm::kEventResetReason);
  out.reset_transient = attributes.u32(pm::kEventResetFlags) != 0;
  return out;
}

Result<MptcpEventMonitor> MptcpEventMonitor::open(int buffer) {
  auto opened = open_mptcp_family("5.15");
  if (!opened) return std::unexpected(opened.error());
  auto& [socket, family] = *opened;
  const auto group =
      std::ranges::find(family.groups, kGroup, &std::pair<std::string, std::uint32_t>::first);
  if (group == family.groups.end())
    return fail("this kernel tells no MPTCP events", {}, "Linux 5.12 or later tells them",
                ExitCode::kNotPermitted);
  // Beyond net.core.rmem_max only who is privileged outside of any user namespace.
  if (::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  ANABRANCH_TRY(socket.join(group->second));
  return MptcpEventMonitor(std::move(socket));
}

bool MptcpEventMonitor::drain(const std::function<void(const MptcpEvent&)>& visit) {
  return socket_.drain([&](const nlmsghdr& message) {
    if (const auto event = parse_mptcp_event(message)) visit(*event);
  });
}

}  // namespace anabranch::kernel
