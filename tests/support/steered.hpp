// SPDX-License-Identifier: MIT
// A balancer's data plane for tests and benches: four servers, and a service of each kind. Frames
// go through its BPF programs as the kernel runs them, without a network.
#pragma once

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "balancer/maglev.hpp"
#include "kernel/balancer_plane.hpp"
#include "support/frames.hpp"

namespace anabranch::test {

inline const Endpoint kClient = at("192.0.2.7:40000");
inline const Endpoint kClient6 = at("[2001:db8:7::7]:40000");
/// With join ports; joins to the service itself are refused.
inline const Endpoint kService = at("198.51.100.10:443");
inline const Endpoint kService6 = at("[2001:db8:10::10]:443");
/// Joins are spread like everything else.
inline const Endpoint kPlain = at("198.51.100.10:80");
/// Joins go by their token.
inline const Endpoint kByToken = at("198.51.100.10:8443");
inline const Endpoint kByToken6 = at("[2001:db8:10::10]:8443");
inline const Endpoint kOwn = at("198.51.100.33:443");  ///< an address of server 3 alone
inline const std::array kServices{kService, kService6, kPlain, kByToken, kByToken6};
/// Places in kServices, which are the numbers of services.
inline constexpr std::uint32_t kPlainNumber = 2;
inline constexpr std::uint32_t kByTokenNumber = 3;

inline constexpr std::uint32_t kFirstJoinPort = 1024;
inline constexpr std::uint32_t kServers = 4;
inline constexpr std::uint32_t kEncapsulating = 4;  ///< this one
inline constexpr std::uint32_t kInterface = 1;      ///< where test-runs say that frames come from

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline steer_destination destination(const Endpoint& endpoint, bool with_port = true) {
  steer_destination out{};
  steer_map_ipv4(0, out.address);
  const auto octets = endpoint.address.octets();
  std::memcpy(endpoint.address.is_v4() ? &out.address[3] : &out.address[0], octets.data(),
              octets.size());
  out.port = with_port ? STEER_TO_WIRE_16(endpoint.port) : 0;
  return out;
}

/// Frames to it have its id in the last octet of their destination.
inline steer_server server(std::uint32_t id) {
  steer_server out{};
  out.state = STEER_SERVING;
  out.encapsulates = id == kEncapsulating;
  std::memcpy(&out.outer4[0], octets_of(at("10.0.0.1:0").address).data(), 4);
  std::memcpy(&out.outer4[1], octets_of(at("10.0.0.4:0").address).data(), 4);
  std::memcpy(&out.outer6[0], octets_of(at("[2001:db8::1]:0").address).data(), 16);
  std::memcpy(&out.outer6[1], octets_of(at("[2001:db8::4]:0").address).data(), 16);
  for (auto& hop : out.next_hop) {
    hop.interface = kInterface;
    hop.destination[0] = hop.source[0] = 2;
    hop.destination[5] = static_cast<__u8>(id);
    hop.source[5] = 0xbb;
  }
  return out;
}

inline steer_target target_of(steer_destination_kind kind, std::uint32_t service) {
  steer_target out{};
  out.kind = kind;
  out.service = service;
  return out;
}

inline void give_ring(kernel::BalancerPlane& plane, std::uint32_t service,
                      const std::vector<balancer::RingServer>& servers) {
  steer_ring ring{};
  const auto places = balancer::maglev_ring(servers, STEER_RING_PLACES);
  std::memcpy(ring.server, places.data(), sizeof ring.server);
  must(plane.set_ring(service, ring));
}

inline void fill(kernel::BalancerPlane& plane) {
  for (std::uint32_t id = 1; id <= kServers; ++id) must(plane.set_server(id, server(id)));
  for (std::uint32_t service = 0; service < kServices.size(); ++service) {
    give_ring(plane, service, {{1}, {2}, {3}, {4}});
    auto target = target_of(STEER_SERVICE, service);
    target.joins = service < kPlainNumber    ? STEER_JOINS_REFUSED
                   : service == kPlainNumber ? STEER_JOINS_SPREAD
                                             : STEER_JOINS_BY_TOKEN;
    must(plane.set_target(destination(kServices.at(service)), target));
  }
  for (const std::uint32_t service : {0U, 1U}) {
    auto target = target_of(STEER_ADDRESS, service);
    target.first_join_port = kFirstJoinPort;
    target.join_ports = 100;
    must(plane.set_target(destination(kServices.at(service), false), target));
  }
  auto own = target_of(STEER_SERVER_ADDRESS, 0);
  own.server = 3;
  must(plane.set_target(destination(kOwn, false), own));
}

inline Endpoint from_port(Endpoint endpoint, std::uint32_t port) {
  endpoint.port = static_cast<std::uint16_t>(port);
  return endpoint;
}
inline Endpoint join_port(const Endpoint& service, std::uint32_t server) {
  return from_port(service, kFirstJoinPort + server);
}

}  // namespace anabranch::test
