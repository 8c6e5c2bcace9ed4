// SPDX-License-Identifier: MIT
// The maps of the balancer's data plane, written and read.
#include <vector>

#include "kernel/balancer_plane.hpp"
#include "kernel/balancer_plane_programs.hpp"
#include "kernel/bpf_values.hpp"

namespace anabranch::kernel {
Result<void> BalancerPlane::set_server(std::uint32_t id, const ::steer_server& server) {
  return update(programs_->loaded->maps.servers, id, server);
}

Result<void> BalancerPlane::set_ring(std::uint32_t service, const ::steer_ring& ring) {
  return put_map(programs_->loaded->maps.rings, service, ring);
}

Result<void> BalancerPlane::set_limits(const ::steer_limits& limits) {
  return update(programs_->loaded->maps.limits, std::uint32_t{0}, limits);
}

Result<void> BalancerPlane::set_target(const ::steer_destination& destination,
                                       const ::steer_target& target) {
  return update(programs_->loaded->maps.services, destination, target);
}

Result<void> BalancerPlane::remove_target(const ::steer_destination& destination) {
  return remove(programs_->loaded->maps.services, destination);
}

Result<std::vector<BalancerPlane::Target>> BalancerPlane::targets() const {
  const auto* map = programs_->loaded->maps.services;
  const auto keys = keys_of<::steer_destination>(map);
  if (!keys) return std::unexpected(keys.error());
  std::vector<Target> out;
  for (const auto& key : *keys) {
    Target next{key, {}};
    auto& value = next.second;
    if (::bpf_map__lookup_elem(map, &key, sizeof key, &value, sizeof value, 0) == 0)
      out.push_back(next);
  }
  return out;
}

Result<void> BalancerPlane::set_tokens(std::uint16_t server,
                                       std::span<const std::uint32_t> tokens) {
  if (tokens.empty()) return {};
  const std::vector<std::uint32_t> servers(tokens.size(), server);
  ::bpf_map_batch_opts options{};
  options.sz = sizeof options;
  auto count = static_cast<__u32>(tokens.size());
  if (::bpf_map_update_batch(::bpf_map__fd(programs_->loaded->maps.tokens), tokens.data(),
                             servers.data(), &count, &options) == 0)
    return {};
  return fail_errno("cannot write tokens into the balancer's map");
}

Result<void> BalancerPlane::remove_tokens(std::uint16_t server,
                                          std::span<const std::uint32_t> tokens) {
  const int map = ::bpf_map__fd(programs_->loaded->maps.tokens);
  for (const auto token : tokens) {
    std::uint32_t owner = 0;
    // Between both calls it may go by itself: the table forgets.
    const bool is_gone = ::bpf_map_lookup_elem(map, &token, &owner) != 0 ||
                         (owner == server && ::bpf_map_delete_elem(map, &token) != 0);
    if (is_gone && errno != ENOENT)
      return fail_errno("cannot remove a token from the balancer's map");
  }
  return {};
}

Result<::steer_counts> BalancerPlane::counts(std::uint32_t service) const {
  const auto values =
      per_processor<::steer_counts>(programs_->loaded->maps.service_counts, service);
  if (!values) return std::unexpected(values.error());
  ::steer_counts out{};
  for (const auto& value : *values)
    for (std::size_t i = 0; i < STEER_COUNTS; ++i) out.packets[i] += value.packets[i];
  return out;
}

Result<void> BalancerPlane::clear_counts(std::uint32_t service) {
  const int processors = ::libbpf_num_possible_cpus();
  if (processors < 0) return fail_errno(-processors, "cannot tell how many processors there are");
  const std::vector<::steer_counts> zeros(static_cast<std::size_t>(processors));
  const int result =
      ::bpf_map__update_elem(programs_->loaded->maps.service_counts, &service, sizeof service,
                             zeros.data(), zeros.size() * sizeof zeros[0], BPF_ANY);
  if (result != 0) return fail_errno(-result, "cannot clear the balancer's counts");
  return {};
}

Result<::steer_traffic> BalancerPlane::traffic(std::uint32_t server) const {
  const auto values = per_processor<::steer_traffic>(programs_->loaded->maps.server_counts, server);
  if (!values) return std::unexpected(values.error());
  ::steer_traffic out{};
  for (const auto& value : *values) {
    out.packets += value.packets;
    out.octets += value.octets;
  }
  return out;
}

}  // namespace anabranch::kernel
