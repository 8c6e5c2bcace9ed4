// SPDX-License-Identifier: MIT
// The maps of the balancer's data plane, written and read.
#include <cerrno>
#include <vector>

#include <bpf/bpf.h>

#include "base/fd.hpp"
#include "kernel/balancer_plane.hpp"
#include "kernel/balancer_plane_programs.hpp"

namespace anabranch::kernel {
namespace {

template <class Key, class Value>
Result<void> update(::bpf_map* map, const Key& key, const Value& value) {
  const int result = ::bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value, BPF_ANY);
  if (result == 0) return {};
  return fail_errno(-result, "cannot write into the balancer's map", ::bpf_map__name(map));
}

/// The values of one element on all processors.
template <class Value>
Result<std::vector<Value>> per_processor(const ::bpf_map* map, std::uint32_t key) {
  const int processors = ::libbpf_num_possible_cpus();
  if (processors < 0) return fail_errno(-processors, "cannot tell how many processors there are");
  std::vector<Value> out(static_cast<std::size_t>(processors));
  const int result =
      ::bpf_map__lookup_elem(map, &key, sizeof key, out.data(), out.size() * sizeof(Value), 0);
  if (result == 0) return out;
  return fail_errno(-result, "cannot read the balancer's map", ::bpf_map__name(map));
}

}  // namespace

Result<void> BalancerPlane::set_server(std::uint32_t id, const ::steer_server& server) {
  return update(programs_->loaded->maps.servers, id, server);
}

Result<void> BalancerPlane::set_ring(std::uint32_t service, const ::steer_ring& ring) {
  // The map of rings keeps what is put into it: our descriptor may go.
  const UniqueFd fresh(
      ::bpf_map_create(BPF_MAP_TYPE_ARRAY, "ring", sizeof(std::uint32_t), sizeof ring, 1, nullptr));
  if (!fresh) return fail_errno("cannot make a ring of the balancer");
  const std::uint32_t only = 0;
  if (::bpf_map_update_elem(fresh.get(), &only, &ring, BPF_ANY) != 0)
    return fail_errno("cannot fill a ring of the balancer");
  return update(programs_->loaded->maps.rings, service, fresh.get());
}

Result<void> BalancerPlane::set_limits(const ::steer_limits& limits) {
  return update(programs_->loaded->maps.limits, std::uint32_t{0}, limits);
}

Result<void> BalancerPlane::set_target(const ::steer_destination& destination,
                                       const ::steer_target& target) {
  return update(programs_->loaded->maps.services, destination, target);
}

Result<void> BalancerPlane::remove_target(const ::steer_destination& destination) {
  const int result =
      ::bpf_map__delete_elem(programs_->loaded->maps.services, &destination, sizeof destination, 0);
  if (result == 0 || result == -ENOENT) return {};
  return fail_errno(-result, "cannot remove a destination from the balancer's map");
}

Result<std::vector<BalancerPlane::Target>> BalancerPlane::targets() const {
  const auto* map = programs_->loaded->maps.services;
  std::vector<Target> out;
  Target next{};
  auto& [key, value] = next;
  int result = ::bpf_map__get_next_key(map, nullptr, &key, sizeof key);
  while (result == 0) {
    if (::bpf_map__lookup_elem(map, &key, sizeof key, &value, sizeof value, 0) == 0)
      out.push_back(next);
    result = ::bpf_map__get_next_key(map, &key, &key, sizeof key);
  }
  if (result != -ENOENT) return fail_errno(-result, "cannot read the balancer's destinations");
  return out;
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
