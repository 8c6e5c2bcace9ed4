// SPDX-License-Identifier: MIT
#include "host/release.hpp"

#include <algorithm>
#include <filesystem>
#include <random>
#include <system_error>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "host/dhcp_client.hpp"
#include "host/dhcp_socket.hpp"
#include "host/duid.hpp"
#include "host/lease_memory.hpp"
#include "host/plan.hpp"
#include "host/state_file.hpp"
#include "wire/dhcp_client_id.hpp"

namespace anabranch::host {
namespace {

Result<void> release(const Lease& lease, const kernel::LinkInfo& parent,
                     const kernel::LinkInfo& link, std::span<const std::uint8_t> duid) {
  Loop loop;
  auto socket = DhcpSocket::open(loop, link.name, link.mac,
                                 [](const DhcpMessage&, const MacAddress&) { return false; });
  if (!socket) return std::unexpected(socket.error());
  DhcpClient::Settings settings;
  settings.index = lease.route.index;
  settings.mac = link.mac;
  settings.client_id = wire::make_client_id(path_iaid(parent.mac, lease.route.index), duid);
  settings.random = [] { return static_cast<std::uint32_t>(std::random_device{}()); };
  DhcpClient client(std::move(settings));
  const auto now = MonotonicClock::now();
  client.adopt(lease, now);
  if (const auto step = client.release(now); step.send) (*socket)->send(*step.send);
  log::debug("path {}: {} given back", lease.route.index, lease.address.text());
  return {};
}

}  // namespace

void release_leases(const std::string& interface) {
  std::error_code ignored;
  std::filesystem::remove(leases_path(interface), ignored);
  const auto content = read_file(state_path(interface));
  auto netlink = kernel::Rtnetlink::open();
  if (!content || !netlink) return;
  const auto state = parse_state(*content, Clocks{});
  const auto links = netlink->links();
  if (!state || state->leases.empty() || !links) return;
  const auto parent = std::ranges::find(*links, interface, &kernel::LinkInfo::name);
  if (parent == links->end()) return;
  const auto duid = load_or_make_duid(state_directory() / "duid", parent->mac);
  for (const auto& lease : state->leases) {
    const auto own = std::ranges::find(*links, macvlan_name(parent->index, lease.route.index),
                                       &kernel::LinkInfo::name);
    if (auto done = release(lease, *parent, own == links->end() ? *parent : *own, duid); !done)
      log::debug("{}", done.error().text());
  }
}

}  // namespace anabranch::host
