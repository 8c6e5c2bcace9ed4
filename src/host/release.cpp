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
#include "host/path6.hpp"
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

Result<void> release(const Lease6& lease, const kernel::LinkInfo& parent,
                     const kernel::LinkInfo& link, std::span<const kernel::Address> addresses,
                     std::span<const std::uint8_t> duid) {
  const auto from = link_local_of(addresses, link.index);
  if (!from) return fail("no link-local address to give a lease back from", link.name);
  Loop loop;
  auto socket = Dhcp6Socket::open(loop, {link.name, link.mac, *from},
                                  [](const Dhcp6Message&) { return false; });
  if (!socket) return std::unexpected(socket.error());
  Dhcp6Client::Settings settings;
  settings.index = lease.route.index;
  settings.iaid = path_iaid(parent.mac, lease.route.index);
  settings.duid.assign(duid.begin(), duid.end());
  settings.random = [] { return static_cast<std::uint32_t>(std::random_device{}()); };
  Dhcp6Client client(std::move(settings));
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
  const auto addresses = netlink->addresses();
  if (!state || !links || !addresses) return;
  if (state->leases.empty() && state->leases6.empty()) return;
  const auto parent = std::ranges::find(*links, interface, &kernel::LinkInfo::name);
  if (parent == links->end()) return;
  const auto duid = load_or_make_duid(state_directory() / "duid", parent->mac);
  const auto link_of = [&](unsigned index) {
    const auto own =
        std::ranges::find(*links, macvlan_name(parent->index, index), &kernel::LinkInfo::name);
    return own == links->end() ? *parent : *own;
  };
  const auto try_it = [](const Result<void>& done) {
    if (!done) log::debug("{}", done.error().text());
  };
  for (const auto& lease : state->leases)
    try_it(release(lease, *parent, link_of(lease.route.index), duid));
  for (const auto& lease : state->leases6)
    try_it(release(lease, *parent, link_of(lease.route.index), *addresses, duid));
}

}  // namespace anabranch::host
