// SPDX-License-Identifier: MIT
#include "host/lease.hpp"

#include <algorithm>
#include <bit>

namespace anabranch::host {
namespace {

constexpr std::uint32_t kInfinite = 0xffffffff;

/// Neither 0/8, loopback, multicast nor reserved.
bool usable(const IpAddress& address) {
  const std::uint32_t first = address.to_v4() >> 24;
  return first != 0 && first != 127 && first < 224;
}

/// 32 for a missing mask, or one with holes: then everything goes through the router.
unsigned prefix_length(const DhcpMessage& message) {
  const auto mask = message.address_option(dhcp::kSubnetMask);
  if (!mask) return 32;
  const std::uint32_t bits = mask->to_v4();
  const auto ones = static_cast<unsigned>(std::countl_one(bits));
  return ones > 0 && std::popcount(bits) == static_cast<int>(ones) ? ones : 32;
}

std::vector<wire::ClasslessRoute> routes_of(const DhcpMessage& message) {
  if (const auto* value = message.option(dhcp::kClasslessRoutes))
    if (auto routes = wire::decode_classless_routes(*value)) return *std::move(routes);
  if (const auto router = message.address_option(dhcp::kRouter))
    return {{IpPrefix::any(Family::kIpv4), router}};
  return {};
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
  if (!route || !server_id || !duration || *duration == 0 || !usable(message.assigned))
    return std::nullopt;
  Lease out;
  out.address = IpPrefix(message.assigned, prefix_length(message));
  out.routes = routes_of(message);
  out.route = *route;
  out.server = {*server_id, server};
  out.obtained = requested;
  if (*duration != kInfinite) set_timers(out, message, *duration);
  return out;
}

}  // namespace anabranch::host
