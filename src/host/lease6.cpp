// SPDX-License-Identifier: MIT
#include "host/lease6.hpp"

#include <algorithm>

#include "wire/converter_addresses.hpp"

namespace anabranch::host {
namespace {

/// The shortest wait before a renewal: a lease of seconds must not be renewed as fast as its server
/// answers.
constexpr seconds kLeast{1};

/// Neither unspecified, loopback, IPv4 in disguise, link-local nor multicast.
bool unicast(const IpAddress& address) {
  const auto octets = address.octets();
  const bool zeros = std::ranges::all_of(octets.first(10), [](auto octet) { return octet == 0; });
  const bool link_local = octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
  return !zeros && !link_local && octets[0] != 0xff;
}

std::optional<seconds> until_infinity(seconds time) {
  return time == dhcp6::kInfinity ? std::nullopt : std::optional(time);
}

bool good(const Dhcp6Lease& lease, const LeaseRequest& request) {
  const auto address = lease.prefix.address();
  return lease.valid > seconds{0} && lease.preferred <= lease.valid &&
         (!lease.status || lease.status->code == Dhcp6Status::kSuccess) && unicast(address) &&
         (!request.acceptable || request.acceptable(address));
}

const Dhcp6Lease* choose(const Dhcp6Association& association, const LeaseRequest& request) {
  const Dhcp6Lease* out = nullptr;
  for (const auto& lease : association.leases) {
    if (!good(lease, request)) continue;
    if (lease.prefix.address() == request.address) return &lease;
    if (out == nullptr) out = &lease;
  }
  return out;
}

/// RFC 8415 section 14.2 and 21.4.
void set_timers(Lease6& lease, const Dhcp6Association& association) {
  const auto base =
      lease.preferred && *lease.preferred > seconds{0} ? lease.preferred : lease.valid;
  // Behind the end is as good as not said, but for ever is said.
  const auto said = [&](seconds time) {
    return time > seconds{0} && (time == dhcp6::kInfinity || !lease.valid || time < *lease.valid);
  };
  const auto timer = [&](seconds time, unsigned tenths) -> std::optional<seconds> {
    if (said(time)) return until_infinity(time);
    if (!base) return std::nullopt;
    return std::max(kLeast, *base * tenths / 10);
  };
  lease.rebinding = timer(association.t2, 8);
  lease.renewal = timer(association.t1, 5);
  if (lease.rebinding && (!lease.renewal || *lease.renewal > *lease.rebinding))
    lease.renewal = lease.rebinding;
}

}  // namespace

std::optional<seconds> Lease6::left(std::optional<seconds> time, MonotonicTime now) const {
  if (!time) return std::nullopt;
  return std::max(seconds{0}, std::chrono::ceil<seconds>(obtained + *time - now));
}

std::optional<Lease6> lease6_from(const Dhcp6Message& message, const LeaseRequest& request,
                                  MonotonicTime sent) {
  const auto* configuration = message.of_path(request.index);
  const auto* association =
      configuration == nullptr ? nullptr : configuration->association(request.iaid);
  if (association == nullptr || message.server.empty()) return std::nullopt;
  if (association->t2 > seconds{0} && association->t1 > association->t2) return std::nullopt;
  const auto* chosen = choose(*association, request);
  if (chosen == nullptr) return std::nullopt;
  Lease6 out;
  out.address = chosen->prefix.address();
  out.route = *configuration->ext_route;
  out.server = message.server;
  for (const auto& resolver : configuration->dns)
    if (unicast(resolver)) out.resolvers.push_back(resolver);
  out.converters =
      wire::converter_endpoints(configuration->converters, configuration->converter_port);
  out.obtained = sent;
  out.preferred = until_infinity(chosen->preferred);
  out.valid = until_infinity(chosen->valid);
  set_timers(out, *association);
  return out;
}

bool is_withdrawn(const Dhcp6Association& association, const IpAddress& address) {
  return std::ranges::any_of(association.leases, [&](const Dhcp6Lease& lease) {
    return lease.prefix.address() == address && lease.valid == seconds{0};
  });
}

}  // namespace anabranch::host
