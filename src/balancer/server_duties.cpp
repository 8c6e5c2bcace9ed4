// SPDX-License-Identifier: MIT
#include "balancer/server_duties.hpp"

#include <algorithm>

namespace anabranch::balancer {
namespace {

using kernel::MptcpEndpoint;

template <class Values, class Value>
bool has(const Values& values, const Value& value) {
  return std::ranges::find(values, value) != values.end();
}

void add_new(std::vector<IpAddress>& to, const IpAddress& address) {
  if (!has(to, address)) to.push_back(address);
}

Endpoint place_of(const MptcpEndpoint& endpoint) {
  return {endpoint.address, endpoint.port};
}

}  // namespace

Result<Server> find_server(const BalancerSettings& settings, std::string_view name) {
  const auto found = std::ranges::find(settings.servers, name, &Server::name);
  if (found != settings.servers.end()) return *found;
  std::string names;
  for (const auto& server : settings.servers) names += (names.empty() ? "" : ", ") + server.name;
  return fail("there is no server '" + std::string(name) + "' in the file", {},
              "name this machine by --name, as one of: " + names, ExitCode::kBadInput);
}

ServerDuties duties_of(const BalancerSettings& settings, const Server& server) {
  ServerDuties out;
  out.join_port = static_cast<std::uint16_t>(settings.first_join_port + server.id);
  bool by_address = false;
  for (const auto& vip : settings.vips) {
    if (!has(vip.servers, server.id)) continue;
    out.services.push_back(vip.address);
    if (vip.by_port) add_new(out.at_port, vip.address.address);
    by_address = by_address || vip.by_address;
    out.denies_initial = out.denies_initial || vip.by_port || vip.by_address;
  }
  if (by_address)
    for (const auto& address : server.join_addresses) add_new(out.own, address);
  return out;
}

std::vector<Endpoint> places_of(const ServerDuties& duties,
                                std::span<const IpAddress> without_port) {
  std::vector<Endpoint> out;
  for (const auto& address : duties.at_port) out.push_back({address, duties.join_port});
  for (const auto& address : duties.own)
    out.push_back({address, has(without_port, address) ? std::uint16_t{0} : duties.join_port});
  return out;
}

std::string place_text(const Endpoint& announced) {
  const auto address = announced.address.text();
  return announced.port == 0 ? address : address + " port " + std::to_string(announced.port);
}

EndpointChanges compare_endpoints(std::span<const Endpoint> announced,
                                  std::span<const MptcpEndpoint> actual,
                                  std::span<const Endpoint> ours,
                                  std::span<const IpAddress> addresses) {
  using State = Announcement::State;
  EndpointChanges out;
  const auto wanted = [&](const Endpoint& place) {
    return has(announced, place) && has(addresses, place.address);
  };
  const auto stays = [&](const MptcpEndpoint& endpoint) {
    return !has(ours, place_of(endpoint)) ||
           (wanted(place_of(endpoint)) && endpoint.flags == MptcpEndpoint::kSignal);
  };
  std::size_t count = 0;
  for (const auto& endpoint : actual)
    if (stays(endpoint))
      ++count;
    else
      out.remove.push_back(endpoint);
  for (const auto& place : announced) {
    // One that the kernel has made by itself gives way.
    const auto found = std::ranges::find_if(actual, [&](const MptcpEndpoint& endpoint) {
      return place_of(endpoint) == place && stays(endpoint) &&
             (endpoint.flags & MptcpEndpoint::kImplicit) == 0;
    });
    State state = State::kOurs;
    if (found != actual.end()) {
      if (!has(ours, place))
        state = (found->flags & MptcpEndpoint::kSignal) != 0 ? State::kForeign : State::kInTheWay;
    } else if (!has(addresses, place.address)) {
      state = State::kNoAddress;
    } else if (count >= kMostEndpoints) {
      state = State::kNoRoom;
    } else {
      ++count;
      MptcpEndpoint fresh;
      fresh.address = place.address;
      fresh.port = place.port;
      fresh.flags = MptcpEndpoint::kSignal;
      out.add.push_back(fresh);
    }
    out.announcements.push_back({place, state});
  }
  return out;
}

}  // namespace anabranch::balancer
