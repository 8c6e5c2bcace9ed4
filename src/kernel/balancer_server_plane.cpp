// SPDX-License-Identifier: MIT
#include "kernel/balancer_server_plane.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include <balancer_server.skel.h>

#include "kernel/bpf_log.hpp"
#include "kernel/bpf_pins.hpp"
#include "kernel/bpf_values.hpp"
#include "kernel/tc_program.hpp"

namespace anabranch::kernel {
namespace {

constexpr const char* kPin = "serve_tc";
constexpr std::uint32_t kOnly = 0;

struct Unload {
  void operator()(::balancer_server* program) const { ::balancer_server__destroy(program); }
};
using Loaded = std::unique_ptr<::balancer_server, Unload>;

/// Makes `map` hold these and no others. What stays is never missing meanwhile.
template <class Key, class Value>
Result<void> replace_all(::bpf_map* map, std::span<const std::pair<Key, Value>> wanted) {
  const auto before = [](const Key& a, const Key& b) { return std::memcmp(&a, &b, sizeof a) < 0; };
  std::vector<Key> keys;
  for (const auto& [key, value] : wanted) {
    ANABRANCH_TRY(update(map, key, value));
    keys.push_back(key);
  }
  std::ranges::sort(keys, before);
  const auto present = keys_of<Key>(map);
  if (!present) return std::unexpected(present.error());
  for (const auto& key : *present)
    if (!std::ranges::binary_search(keys, key, before)) ANABRANCH_TRY(remove(map, key));
  return {};
}

}  // namespace

struct BalancerServerPlane::Program {
  Loaded loaded;
  std::filesystem::path pins;
};

BalancerServerPlane::BalancerServerPlane(std::unique_ptr<Program> program)
    : program_(std::move(program)) {}
BalancerServerPlane::BalancerServerPlane(BalancerServerPlane&&) noexcept = default;
BalancerServerPlane& BalancerServerPlane::operator=(BalancerServerPlane&&) noexcept = default;
BalancerServerPlane::~BalancerServerPlane() = default;

Result<BalancerServerPlane> BalancerServerPlane::open(const Options& options) {
  log_bpf_words();
  const auto refused = [](int error) {
    return bpf_refused(error, "program of a server behind the balancer", "BPF, 5.18 or later");
  };
  Loaded loaded(::balancer_server__open());
  if (!loaded) return refused(errno);
  if (!options.pins.empty()) {
    ANABRANCH_TRY(make_pin_directory(options.pins));
    ANABRANCH_TRY(pin_maps(loaded->obj, options.pins));
  }
  if (const int result = ::balancer_server__load(loaded.get()); result != 0)
    return refused(-result);
  return BalancerServerPlane(std::make_unique<Program>(std::move(loaded), options.pins));
}

Result<void> BalancerServerPlane::attach(unsigned ifindex) {
  // Whose it is does not matter: the place is the balancer's.
  if (tc_owner(ifindex, kBalancerPlace, {}) != ProgramOwner::kNobody)
    return fail("the balancer steers what this interface receives", {},
                "a balancer and a server behind it are two machines");
  return attach_tc(ifindex, kBalancerServerPlace, program_->loaded->progs.serve_tc,
                   program_->pins / kPin);
}

Result<void> BalancerServerPlane::detach(unsigned ifindex, const std::filesystem::path& pins) {
  return detach_tc(ifindex, kBalancerServerPlace, pins / kPin);
}

Result<void> BalancerServerPlane::forget(const std::filesystem::path& pins) {
  ANABRANCH_TRY(unpin_program(pins / kPin));
  const Loaded unloaded(::balancer_server__open());
  if (!unloaded) return fail_errno("cannot read the program of a server behind the balancer");
  ANABRANCH_TRY(unpin_maps(unloaded->obj, pins));
  std::error_code ignored;
  std::filesystem::remove(pins, ignored);  // stays when somebody has put something of theirs there
  return {};
}

Result<void> BalancerServerPlane::set_own(const ::steer_own& own) {
  return update(program_->loaded->maps.own, kOnly, own);
}

Result<void> BalancerServerPlane::set_targets(std::span<const Target> targets) {
  return replace_all(program_->loaded->maps.services, targets);
}

Result<void> BalancerServerPlane::set_sources(std::span<const IpAddress> sources) {
  std::vector<std::pair<::steer_address, std::uint32_t>> wanted;
  for (const auto& source : sources) {
    ::steer_address key{};
    steer_map_ipv4(0, key.address);
    const auto octets = source.octets();
    std::memcpy(source.is_v4() ? &key.address[3] : &key.address[0], octets.data(), octets.size());
    wanted.emplace_back(key, 1);
  }
  return replace_all(program_->loaded->maps.sources, std::span(std::as_const(wanted)));
}

Result<void> BalancerServerPlane::set_server(std::uint32_t id, const ::steer_server& server) {
  return update(program_->loaded->maps.servers, id, server);
}

Result<void> BalancerServerPlane::set_history(std::uint32_t service,
                                              std::span<const ::steer_place> places) {
  const auto history = std::make_unique<::steer_history>();
  if (places.size() != std::size(history->place))
    return fail("a history has another number of places than the ring");
  std::ranges::copy(places, history->place);
  return put_map(program_->loaded->maps.histories, service, *history);
}

Result<void> BalancerServerPlane::clear_history(std::uint32_t service) {
  return remove(program_->loaded->maps.histories, service);
}

Result<::steer_arrivals> BalancerServerPlane::counts() const {
  const auto values = per_processor<::steer_arrivals>(program_->loaded->maps.arrivals, kOnly);
  if (!values) return std::unexpected(values.error());
  ::steer_arrivals out{};
  for (const auto& value : *values)
    for (std::size_t i = 0; i < STEER_ARRIVALS; ++i) out.packets[i] += value.packets[i];
  return out;
}

Result<BalancerRun> BalancerServerPlane::run(std::span<const std::uint8_t> frame) const {
  return test_run(::bpf_program__fd(program_->loaded->progs.serve_tc), frame);
}

}  // namespace anabranch::kernel
