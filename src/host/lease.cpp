// SPDX-License-Identifier: MIT
#include "host/lease.hpp"

#include <algorithm>
#include <bit>

#include "host/told_converters.hpp"

namespace anabranch::host {
namespace {

constexpr std::uint32_t kInfinite = 0xffffffff;

/// Widest subnet a mask is believed to mean.
constexpr int kWidestSubnet = 8;

/// Neither 0/8, loopback, multicast nor reserved.
bool unicast(const IpAddress& address) {
  const std::uint32_t first = address.to_v4() >> 24;
  return first != 0 && first != 127 && first < 224;
}

/// 32 for a missing mask, or a senseless one: then everything goes through the router.
unsigned prefix_length(const DhcpMessage& message) {
  const auto mask = message.address_option(dhcp::kSubnetMask);
  if (!mask) return 32;
  const std::uint32_t bits = mask->to_v4();
  const int ones = std::countl_one(bits);
  return ones >= kWidestSubnet && std::popcount(bits) == ones ? static_cast<unsigned>(ones) : 32;
}

/// Unicast, and not the subnet's own number or broadcast address (which /31 and /32 lack).
bool host_address(const IpAddress& address, const IpPrefix& subnet) {
  if (!unicast(address)) return false;
  if (subnet.length() >= 31 || !subnet.contains(address)) return true;
  const std::uint32_t host_bits = 0xffffffffu >> subnet.length();
  const std::uint32_t host = address.to_v4() & host_bits;
  return host != 0 && host != host_bits;
}

std::vector<wire::ClasslessRoute> routes_of(const DhcpMessage& message) {
  if (const auto* value = message.option(dhcp::kClasslessRoutes))
    if (auto routes = wire::decode_classless_routes(*value)) return *std::move(routes);
  std::vector<wire::ClasslessRoute> out;
  if (const auto* value = message.option(dhcp::kStaticRoutes))
    if (auto routes = wire::decode_static_routes(*value)) out = *std::move(routes);
  if (const auto router = message.address_option(dhcp::kRouter))
    out.push_back({IpPrefix::any(Family::kIpv4), router});
  return out;
}

/// T1 and T2 as the server wants them, or the defaults of RFC 2131 section 4.4.5 when they make no
/// sense. At least a second: a lease of one must not be renewed as fast as its server answers.
void set_timers(Lease& lease, const DhcpMessage& message, std::uint32_t duration) {
  constexpr std::uint64_t kLeast = 1;
  lease.duration = seconds(duration);
  const std::uint32_t rebinding = message.number_option(dhcp::kRebindingTime).value_or(0);
  const bool rebinding_fits = rebinding > 0 && rebinding < duration;
  lease.rebinding = seconds(
      rebinding_fits ? rebinding : std::max(kLeast, static_cast<std::uint64_t>(duration) * 7 / 8));
  const std::uint32_t renewal = message.number_option(dhcp::kRenewalTime).value_or(0);
  const bool renewal_fits = renewal > 0 && seconds(renewal) < *lease.rebinding;
  lease.renewal =
      seconds(renewal_fits ? renewal
                           : std::min(std::max<std::uint64_t>(kLeast, duration / 2),
                                      static_cast<std::uint64_t>(lease.rebinding->count())));
}

}  // namespace

std::optional<IpAddress> Lease::router() const {
  for (const auto& entry : routes)
    if (entry.to.length() == 0) return entry.via;
  return std::nullopt;
}

std::optional<seconds> Lease::remaining(MonotonicTime now) const {
  if (!duration) return std::nullopt;
  return std::max(seconds(0), std::chrono::ceil<seconds>(expires() - now));
}

bool Lease::same_network(const Lease& other) const {
  return address == other.address && routes == other.routes;
}

std::optional<Lease> lease_from(const DhcpMessage& message, const MacAddress& server,
                                std::uint8_t ext_route_code, MonotonicTime requested) {
  const auto* ext_route = message.option(ext_route_code);
  const auto route = ext_route == nullptr ? std::nullopt : wire::decode_ext_route(*ext_route);
  const auto server_id = message.address_option(dhcp::kServerId);
  const auto duration = message.number_option(dhcp::kLeaseTime);
  if (!route || !server_id || !unicast(*server_id) || !duration || *duration == 0)
    return std::nullopt;
  const IpPrefix address(message.assigned, prefix_length(message));
  auto routes = routes_of(message);
  const auto leads_over = [&](const auto& entry) { return entry.via == message.assigned; };
  if (!host_address(message.assigned, address) || message.assigned == *server_id ||
      std::ranges::any_of(routes, leads_over))
    return std::nullopt;
  std::erase_if(routes,
                [&](const auto& entry) { return entry.via && !host_address(*entry.via, address); });
  Lease out;
  out.address = address;
  out.routes = std::move(routes);
  out.route = *route;
  out.server = {*server_id, server};
  out.obtained = requested;
  out.converters = converters_in(message);
  if (*duration != kInfinite) set_timers(out, message, *duration);
  return out;
}

}  // namespace anabranch::host
