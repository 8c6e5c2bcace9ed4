// SPDX-License-Identifier: MIT
#include "kernel/mptcp_pm.hpp"

#include <algorithm>
#include <cerrno>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "kernel/mptcp_family.hpp"
#include "kernel/mptcp_numbers.hpp"

namespace anabranch::kernel {
namespace {

using namespace pm;

void put_endpoint(Message& message, const MptcpEndpoint& endpoint) {
  message.nest(kAttrAddr, [&](Message& nested) {
    nested.put_u16(kFamily, static_cast<std::uint16_t>(address_family(endpoint.address.family())))
        .put_address(endpoint.address.is_v4() ? kAddr4 : kAddr6, endpoint.address);
    if (endpoint.id != 0) nested.put_u8(kId, endpoint.id);
    if (endpoint.port != 0) nested.put_u16(kPort, endpoint.port);
    nested.put_u32(kFlags, endpoint.flags);
    if (endpoint.ifindex != 0) nested.put_u32(kIfIdx, endpoint.ifindex);
  });
}

}  // namespace

Result<MptcpPathManager> MptcpPathManager::open() {
  auto opened = open_mptcp_family("5.15");
  if (!opened) return std::unexpected(opened.error());
  return MptcpPathManager(std::move(opened->socket), opened->family.id);
}

Message MptcpPathManager::command(int number, int flags) const {
  Message message(family_, flags);
  message.header(genlmsghdr{static_cast<std::uint8_t>(number), kVersion, 0});
  return message;
}

Result<std::vector<MptcpEndpoint>> MptcpPathManager::endpoints() {
  std::vector<MptcpEndpoint> out;
  const auto done = socket_.query(
      command(kGetAddr, NLM_F_DUMP), "cannot list MPTCP endpoints", [&](const nlmsghdr& answer) {
        const Attributes nested = Attributes(answer, sizeof(genlmsghdr)).nested(kAttrAddr);
        const auto address = nested.has(kAddr4) ? nested.address(kAddr4) : nested.address(kAddr6);
        if (!address) return;
        out.push_back(
            {nested.u8(kId), *address, nested.u16(kPort), nested.u32(kFlags), nested.u32(kIfIdx)});
      });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<void> MptcpPathManager::add(const MptcpEndpoint& endpoint) {
  Message message = command(kAddAddr);
  put_endpoint(message, endpoint);
  return socket_.request(std::move(message),
                         "cannot add the MPTCP endpoint " + endpoint.address.text());
}

Result<void> MptcpPathManager::remove(const MptcpEndpoint& endpoint) {
  Message message = command(kDelAddr);
  put_endpoint(message, endpoint);
  auto done = socket_.request(std::move(message),
                              "cannot remove the MPTCP endpoint " + endpoint.address.text());
  if (!done && last_netlink_error() == EINVAL) {
    const auto now = endpoints();
    if (now &&
        std::ranges::none_of(*now, [&](const auto& other) { return other.id == endpoint.id; }))
      return {};
  }
  return done;
}

Result<MptcpLimits> MptcpPathManager::limits() {
  MptcpLimits out;
  const auto done = socket_.query(
      command(kGetLimits), "cannot read the MPTCP limits", [&](const nlmsghdr& answer) {
        const Attributes attributes(answer, sizeof(genlmsghdr));
        out = {attributes.u32(kAttrRcvAddAddrs), attributes.u32(kAttrSubflows)};
      });
  if (!done) return std::unexpected(done.error());
  return out;
}

Result<void> MptcpPathManager::set_limits(const MptcpLimits& limits) {
  Message message = command(kSetLimits);
  message.put_u32(kAttrRcvAddAddrs, limits.accepted_addresses)
      .put_u32(kAttrSubflows, limits.subflows);
  return socket_.request(std::move(message), "cannot set the MPTCP limits");
}

}  // namespace anabranch::kernel
