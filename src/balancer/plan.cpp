// SPDX-License-Identifier: MIT
#include "balancer/plan.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "balancer/maglev.hpp"

namespace anabranch::balancer {
namespace {

::steer_server server_entry(const Server& server, const BalancerSettings& settings,
                            const NextHops& next_hops, bool leaves) {
  ::steer_server out{};
  out.state = leaves || server.weight == 0 ? STEER_DRAINING : STEER_SERVING;
  out.encapsulates = server.encapsulates;
  const auto write = [](const std::optional<IpAddress>& from, void* to) {
    if (from) std::memcpy(to, from->octets().data(), from->octets().size());
  };
  write(settings.sources[0], &out.outer4[0]);
  write(server.addresses[0], &out.outer4[1]);
  write(settings.sources[1], &out.outer6[0]);
  write(server.addresses[1], &out.outer6[1]);
  for (const auto family : {Family::kIpv4, Family::kIpv6})
    if (const auto found = next_hops.find({server.id, family}); found != next_hops.end())
      out.next_hop[family_index(family)] = found->second;
  return out;
}

const std::vector<std::uint16_t>* ring_of(const std::vector<RingServer>& weights,
                                          const PlaneContents& known) {
  const auto same =
      std::ranges::find(known.weights, weights, &decltype(known.weights)::value_type::second);
  return same == known.weights.end() ? nullptr : &known.rings.at(same->first);
}

/// Most services have the same servers, and most changes concern few of them.
void add_ring(std::uint32_t number, std::vector<RingServer> weights, const PlaneContents& former,
              PlaneContents& out) {
  const auto* known = ring_of(weights, out);
  if (known == nullptr) known = ring_of(weights, former);
  out.rings.emplace(number, known != nullptr ? *known : maglev_ring(weights, STEER_RING_PLACES));
  out.weights.emplace(number, std::move(weights));
}

::steer_joins joins_of(const Vip& vip) {
  if (vip.by_token) return STEER_JOINS_BY_TOKEN;
  return vip.by_port || vip.by_address ? STEER_JOINS_REFUSED : STEER_JOINS_SPREAD;
}

/// What holds for an address with all its services.
void add_address(const Vip& vip, std::uint32_t number, const BalancerSettings& settings,
                 Targets& targets) {
  auto& target = targets
                     .try_emplace(destination_of(vip.address.address, 0),
                                  ::steer_target{.kind = STEER_ADDRESS,
                                                 .service = number,
                                                 .server = 0,
                                                 .first_join_port = settings.first_join_port,
                                                 .join_ports = 0,
                                                 .joins = 0})
                     .first->second;
  target.service = std::min(target.service, number);
  if (!vip.by_port) return;
  for (const auto& server : settings.servers)
    target.join_ports = std::max<std::uint32_t>(target.join_ports, server.id + 1U);
}

}  // namespace

bool DestinationOrder::operator()(const ::steer_destination& a,
                                  const ::steer_destination& b) const {
  return std::memcmp(&a, &b, sizeof a) < 0;
}

ServiceNumbers number_services(const std::vector<Vip>& vips, const ServiceNumbers& former) {
  std::set<std::uint32_t> taken;
  for (const auto& [endpoint, number] : former) taken.insert(number);
  ServiceNumbers out;
  for (const auto& vip : vips)
    if (const auto known = former.find(vip.address); known != former.end()) out.insert(*known);
  const auto give = [&](const Vip& vip, std::uint32_t most) {
    std::uint32_t number = 0;
    while (number < most && taken.contains(number)) ++number;
    if (number == most) return false;
    taken.insert(number);
    out.emplace(vip.address, number);
    return true;
  };
  for (const auto& vip : vips) {
    if (out.contains(vip.address) || give(vip, STEER_MOST_SERVICES)) continue;
    // All are taken, by services that go now.
    taken.clear();
    for (const auto& [endpoint, number] : out) taken.insert(number);
    give(vip, STEER_MOST_SERVICES);
  }
  return out;
}

PlaneContents plan(const BalancerSettings& settings, const ServiceNumbers& numbers,
                   const NextHops& next_hops, const Weights& weights, const PlaneContents& former) {
  PlaneContents out;
  out.limits.inserts_per_second = settings.inserts_per_second;
  out.servers = plan_servers(settings, next_hops, weights.leaving);
  for (const auto& vip : settings.vips) {
    const auto number = numbers.at(vip.address);
    const auto weighed = weights.services.find(vip.address);
    add_ring(number,
             weighed == weights.services.end() ? configured_weights(vip, settings)
                                               : weighed->second.ring,
             former, out);
    ::steer_target service{};
    service.kind = STEER_SERVICE;
    service.service = number;
    service.joins = joins_of(vip);
    out.targets.emplace(destination_of(vip.address.address, vip.address.port), service);
    add_address(vip, number, settings, out.targets);
    if (!vip.by_address) continue;
    for (const auto& server : settings.servers) {
      if (std::ranges::find(vip.servers, server.id) == vip.servers.end()) continue;
      ::steer_target own{};
      own.kind = STEER_SERVER_ADDRESS;
      own.service = number;
      own.server = server.id;
      for (const auto& address : server.join_addresses)
        out.targets.emplace(destination_of(address, 0), own);
    }
  }
  return out;
}

std::map<std::uint32_t, ::steer_server> plan_servers(const BalancerSettings& settings,
                                                     const NextHops& next_hops,
                                                     const std::set<std::uint16_t>& leaving) {
  std::map<std::uint32_t, ::steer_server> out;
  for (const auto& server : settings.servers)
    out.emplace(server.id, server_entry(server, settings, next_hops, leaving.contains(server.id)));
  return out;
}

::steer_destination destination_of(const IpAddress& address, std::uint16_t port) {
  ::steer_destination out{};
  steer_map_ipv4(0, out.address);
  const auto octets = address.octets();
  std::memcpy(address.is_v4() ? &out.address[3] : &out.address[0], octets.data(), octets.size());
  out.port = STEER_TO_WIRE_16(port);
  return out;
}

Endpoint endpoint_of(const __be32 (&address)[4], __be16 port) {
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), address, octets.size());
  return {IpAddress::v6(octets).unmapped(), static_cast<std::uint16_t>(STEER_TO_HOST_16(port))};
}

}  // namespace anabranch::balancer
