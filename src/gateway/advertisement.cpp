// SPDX-License-Identifier: MIT
#include "gateway/advertisement.hpp"

#include <algorithm>
#include <array>

namespace anabranch::gateway {
namespace {

constexpr std::uint8_t kHopLimit = 64;  ///< RFC 4861 section 6.2.1: the one of Assigned Numbers

seconds three_intervals(const Advertise& advertise) {
  return std::chrono::ceil<seconds>(3 * advertise.interval);
}

/// How long a path works without being told again. An operator who does not want to be a default
/// router (lifetime zero) still tells of paths.
seconds path_lifetime(const Advertise& advertise) {
  return advertise.router.count() > 0 ? advertise.router : three_intervals(advertise);
}

/// Can be given to hosts that know nothing of paths: works, or another uplink stands in for it.
bool carries_all(const PathPlan& path) {
  return path.state != PathState::kDown;
}

/// Addresses by DHCPv6 or by SLAAC, not both: the operator who runs DHCPv6 wants to know who has
/// which address, and a host with two addresses on one path gains nothing. RFC 4862 section 5.5
/// lets both stand side by side, and RFC 8801 section 3.4.1 binds a lease to the domain that has M
/// and a prefix around it.
bool by_dhcp(const Settings& settings) {
  return settings.dhcp6.mode != DhcpMode::kOff;
}

/// M is the same in the header of every advertisement: hosts that know nothing of domains take it
/// for the link's, and routers of one link shall agree (RFC 4861 section 6.2.7).
wire::RouterHeader header(const Settings& settings, seconds lifetime) {
  wire::RouterHeader out;
  out.hop_limit = kHopLimit;
  out.managed = by_dhcp(settings);
  out.lifetime = lifetime;
  return out;
}

/// What hosts of this path are to have, outside or inside of the domain. `works`: they can use it
/// for new connections.
void add_path_options(const Settings& settings, const Uplink& uplink, bool works,
                      wire::RouterOptions& options) {
  const Advertise& advertise = settings.advertise;
  if (!uplink.ipv6) return;
  options.prefixes.push_back({.prefix = uplink.ipv6->source_prefix,
                              .on_link = true,
                              .autonomous = !by_dhcp(settings),
                              .valid = advertise.valid,
                              .preferred = works ? advertise.preferred : seconds(0)});
  // Local destinations are reached through any path, and also when no uplink works.
  for (const auto& prefix : settings.local_prefixes)
    if (prefix.family() == Family::kIpv6)
      options.routes.push_back({.prefix = prefix, .lifetime = path_lifetime(advertise)});
  // RFC 8106 section 5.1: resolvers outlive two lost advertisements.
  if (!uplink.dns.empty())
    options.dns.push_back(
        {works ? std::max(path_lifetime(advertise), three_intervals(advertise)) : seconds(0),
         uplink.dns});
}

wire::ProvisioningDomain domain_of(const Settings& settings, const Uplink& uplink, bool works) {
  wire::ProvisioningDomain out;
  out.id = uplink.pvd;
  // Several domains of a link may not all own its DHCPv4 (RFC 8801 section 3.1).
  out.legacy = settings.uplinks.size() == 1 && uplink.has_ipv4();
  out.header = header(settings, works ? path_lifetime(settings.advertise) : seconds(0));
  if (!uplink.ipv6) out.header->managed = false;
  add_path_options(settings, uplink, works, out.options);
  out.options.ext_route = wire::ExtRoute{static_cast<std::uint8_t>(uplink.index),
                                         static_cast<std::uint8_t>(settings.count())};
  return out;
}

/// What hosts that know no domains are told of a path that they may have had: no new connections
/// from its addresses, nor by its resolvers but those that the path which they have now shares.
void add_former_path(const Settings& settings, const Uplink& former, const Uplink* now,
                     wire::RouterOptions& options) {
  add_path_options(settings, former, false, options);
  if (now == nullptr || now == &former) return;
  for (auto& servers : options.dns)
    std::erase_if(servers.addresses, [&](const IpAddress& address) {
      return std::ranges::find(now->dns, address) != now->dns.end();
    });
  std::erase_if(options.dns, [](const auto& servers) { return servers.addresses.empty(); });
}

void withdraw(wire::RouterOptions& options) {
  for (auto& prefix : options.prefixes) prefix.valid = prefix.preferred = seconds(0);
  for (auto& route : options.routes) route.lifetime = seconds(0);
  for (auto& servers : options.dns) servers.lifetime = seconds(0);
}

}  // namespace

IpAddress link_local_of(unsigned index) {
  constexpr std::uint32_t kOurs = registry::kGatewayLinkLocal;
  std::array<std::uint8_t, 16> octets{0xfe, 0x80};
  for (unsigned i = 0; i < 4; ++i) octets[8 + i] = static_cast<std::uint8_t>(kOurs >> (24 - 8 * i));
  octets[14] = static_cast<std::uint8_t>(index >> 8);
  octets[15] = static_cast<std::uint8_t>(index);
  return IpAddress::v6(octets);
}

std::optional<unsigned> path_without_domains(const Settings& settings,
                                             const std::vector<PathPlan>& paths) {
  std::optional<unsigned> lowest;
  for (const auto& path : paths) {
    const Uplink* const uplink = settings.find(path.name);
    if (uplink == nullptr || !uplink->ipv6) continue;
    if (carries_all(path)) return path.index;
    if (!lowest) lowest = path.index;
  }
  return lowest;
}

std::vector<PathAdvertisement> make_advertisements(const Settings& settings,
                                                   const std::vector<PathPlan>& paths,
                                                   const MacAddress& lan,
                                                   const std::set<unsigned>& former) {
  std::vector<PathAdvertisement> out;
  if (!settings.advertise.enabled || settings.routed) return out;
  const auto plain_index = path_without_domains(settings, paths);
  const auto plain = std::ranges::find_if(
      settings.uplinks, [&](const Uplink& uplink) { return uplink.index == plain_index; });
  const Uplink* const plain_uplink = plain == settings.uplinks.end() ? nullptr : &*plain;
  const Uplink* const base = settings.base(Family::kIpv6);
  for (const auto& path : paths) {
    const Uplink* const uplink = settings.find(path.name);
    if (uplink == nullptr) continue;
    PathAdvertisement one{path.index, link_local_of(path.index), {}};
    auto& message = one.message;
    const bool is_router = uplink == plain_uplink && carries_all(path);
    message.header = header(settings, is_router ? settings.advertise.router : seconds(0));
    message.options.source_link_address = lan;
    if (settings.advertise.mtu != 0) message.options.mtu = settings.advertise.mtu;
    if (is_router)
      add_path_options(settings, *uplink, true, message.options);
    else if (uplink == base || former.contains(path.index))
      add_former_path(settings, *uplink, plain_uplink, message.options);
    // An address is an uplink, for hosts that know paths: a stand-in is none of theirs.
    message.domain = domain_of(settings, *uplink, path.state == PathState::kUp);
    message.domain->options.mtu = message.options.mtu;
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<PathAdvertisement> make_advertisements(const Settings& settings, const Plan& plan,
                                                   const Observed& observed,
                                                   const std::set<unsigned>& former) {
  const auto* const lan = observed.link(settings.lan);
  if (lan == nullptr) return {};
  const bool speaks_ipv6 = std::ranges::any_of(observed.addresses, [&](const auto& address) {
    return address.ifindex == lan->index && address.prefix.family() == Family::kIpv6;
  });
  if (!speaks_ipv6 && settings.base(Family::kIpv6) == nullptr) return {};
  return make_advertisements(settings, plan.paths, lan->mac, former);
}

PathAdvertisement withdrawn(PathAdvertisement advertisement) {
  auto& message = advertisement.message;
  message.header.lifetime = seconds(0);
  withdraw(message.options);
  if (message.domain) {
    if (message.domain->header) message.domain->header->lifetime = seconds(0);
    withdraw(message.domain->options);
  }
  return advertisement;
}

}  // namespace anabranch::gateway
