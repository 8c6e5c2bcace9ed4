// SPDX-License-Identifier: MIT
#include "kernel/mptcp_commands.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "kernel/mptcp_family.hpp"
#include "kernel/mptcp_numbers.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::kernel {
namespace {

/// Since Linux 6.15, a name; before, a number under the older key.
constexpr std::string_view kManagerKey = "net/mptcp/path_manager";
constexpr std::string_view kTypeKey = "net/mptcp/pm_type";

struct CommandAddress {
  Endpoint endpoint;
  std::uint8_t id = 0;  // what is 0 is not told
  std::uint32_t flags = 0;
  unsigned ifindex = 0;
};

void put(Message& message, int attribute, const CommandAddress& value) {
  message.nest(attribute, [&](Message& nested) {
    const IpAddress& address = value.endpoint.address;
    nested.put_u16(pm::kFamily, static_cast<std::uint16_t>(address_family(address.family())))
        .put_address(address.is_v4() ? pm::kAddr4 : pm::kAddr6, address);
    if (value.id != 0) nested.put_u8(pm::kId, value.id);
    if (value.endpoint.port != 0) nested.put_u16(pm::kPort, value.endpoint.port);
    if (value.flags != 0) nested.put_u32(pm::kFlags, value.flags);
    if (value.ifindex != 0) nested.put_u32(pm::kIfIdx, value.ifindex);
  });
}

Message command(std::uint16_t family, pm::Command number, std::uint32_t token) {
  Message message(family, 0);
  message.header(genlmsghdr{static_cast<std::uint8_t>(number), pm::kVersion, 0});
  message.put_u32(pm::kAttrToken, token);
  return message;
}

IpAddress mapped(const IpAddress& address) {
  std::array<std::uint8_t, 16> octets{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
  std::ranges::copy(address.octets(), octets.begin() + 12);
  return IpAddress::v6(octets);
}

}  // namespace

Result<MptcpCommands> MptcpCommands::open() {
  auto opened = open_mptcp_family("5.19");
  if (!opened) return std::unexpected(opened.error());
  return MptcpCommands(std::move(opened->socket), opened->family.id);
}

Result<void> MptcpCommands::create(const NewSubflow& subflow) {
  Message message = command(family_, pm::kSubflowCreate, subflow.token);
  put(message, pm::kAttrAddr,
      {{subflow.local, subflow.local_port},
       subflow.local_id,
       pm::kFlagSubflow | (subflow.backup ? pm::kFlagBackup : 0),
       subflow.ifindex});
  put(message, pm::kAttrAddrRemote, {subflow.remote});
  return socket_.request(
      std::move(message),
      "cannot create a subflow from " + subflow.local.text() + " to " + subflow.remote.text());
}

Result<void> MptcpCommands::destroy(std::uint32_t token, const Endpoint& local,
                                    const Endpoint& remote) {
  const auto with = [&](const Endpoint& from, const Endpoint& to) {
    Message message = command(family_, pm::kSubflowDestroy, token);
    put(message, pm::kAttrAddr, {from});
    put(message, pm::kAttrAddrRemote, {to});
    return socket_.request(std::move(message), "cannot destroy the subflow from " + local.text() +
                                                   " to " + remote.text());
  };
  auto done = with(local, remote);
  // An IPv6 socket's subflow to an IPv4 peer is found by its mapped addresses only.
  if (!done && last_netlink_error() == ESRCH && local.address.is_v4() && remote.address.is_v4())
    done = with({mapped(local.address), local.port}, {mapped(remote.address), remote.port});
  return done;
}

Result<void> MptcpCommands::announce(std::uint32_t token, std::uint8_t id, const Endpoint& local,
                                     unsigned ifindex) {
  Message message = command(family_, pm::kAnnounce, token);
  put(message, pm::kAttrAddr, {local, id, pm::kFlagSignal, ifindex});
  return socket_.request(std::move(message), "cannot announce the address " + local.text());
}

Result<void> MptcpCommands::remove(std::uint32_t token, std::uint8_t id) {
  Message message = command(family_, pm::kRemove, token);
  message.put_u8(pm::kAttrLocalId, id);
  return socket_.request(std::move(message),
                         "cannot withdraw the address with id " + std::to_string(id));
}

Result<void> MptcpCommands::set_backup(std::uint32_t token, const Endpoint& local,
                                       const Endpoint& remote, bool backup) {
  Message message = command(family_, pm::kSetFlags, token);
  put(message, pm::kAttrAddr, {local, 0, backup ? pm::kFlagBackup : 0});
  put(message, pm::kAttrAddrRemote, {remote});
  return socket_.request(std::move(message), "cannot set the priority of the subflow from " +
                                                 local.text() + " to " + remote.text());
}

/// No table shows it. Asked to destroy a subflow that cannot be, the kernel first looks whose the
/// connection is (EINVAL), and then for the subflow (ESRCH).
bool MptcpCommands::is_the_kernels(std::uint32_t token) {
  const Endpoint nowhere{IpAddress::v4(0), 1};
  return !destroy(token, nowhere, nowhere) && last_netlink_error() == EINVAL;
}

Result<PathManagerSysctl> path_manager_sysctl(PathManagerType type) {
  const bool userspace = type == PathManagerType::kUserspace;
  if (read_sysctl(kManagerKey))
    return PathManagerSysctl{std::string(kManagerKey), userspace ? "userspace" : "kernel"};
  if (read_sysctl(kTypeKey)) return PathManagerSysctl{std::string(kTypeKey), userspace ? "1" : "0"};
  return fail("this kernel has no path manager in user space", {},
              "Linux 5.19 or later with CONFIG_MPTCP is needed; see 'anabranch doctor'",
              ExitCode::kNotPermitted);
}

Result<PathManagerType> path_manager_type() {
  const auto userspace = path_manager_sysctl(PathManagerType::kUserspace);
  if (!userspace) return std::unexpected(userspace.error());
  const auto now = read_sysctl(userspace->key);
  if (!now) return std::unexpected(now.error());
  return *now == userspace->value ? PathManagerType::kUserspace : PathManagerType::kKernel;
}

Result<void> set_path_manager_type(PathManagerType type) {
  const auto wanted = path_manager_sysctl(type);
  if (!wanted) return std::unexpected(wanted.error());
  return write_sysctl(wanted->key, wanted->value);
}

}  // namespace anabranch::kernel
