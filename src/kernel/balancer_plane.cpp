// SPDX-License-Identifier: MIT
#include "kernel/balancer_plane.hpp"

#include <cerrno>
#include <cstring>

#include <balancer.skel.h>
#include <bpf/bpf.h>

#include "base/fd.hpp"
#include "kernel/balancer_plane_programs.hpp"
#include "kernel/bpf_log.hpp"
#include "kernel/bpf_pins.hpp"

namespace anabranch::kernel {
namespace {

Result<::steer_explanation> explained(int program, std::span<const std::uint8_t> frame) {
  const auto run = test_run(program, frame);
  if (!run) return std::unexpected(run.error());
  ::steer_explanation out{};
  if (run->frame.size() < sizeof out) return fail("the balancer's program explains nothing");
  std::memcpy(&out, run->frame.data(), sizeof out);
  return out;
}

}  // namespace

BalancerPlane::BalancerPlane(std::unique_ptr<Programs> programs) : programs_(std::move(programs)) {}
BalancerPlane::BalancerPlane(BalancerPlane&&) noexcept = default;
BalancerPlane& BalancerPlane::operator=(BalancerPlane&&) noexcept = default;
BalancerPlane::~BalancerPlane() = default;

Result<BalancerPlane> BalancerPlane::open(const Options& options) {
  log_bpf_words();
  const auto refused = [](int error) {
    return bpf_refused(error, "balancer's programs", "BPF, 5.18 or later");
  };
  LoadedBalancer loaded(::balancer__open());
  if (!loaded) return refused(errno);
  for (const auto& [map, entries] : {std::pair{loaded->maps.connections, options.connections},
                                     {loaded->maps.tokens, options.tokens}})
    if (const int result = ::bpf_map__set_max_entries(map, entries); result != 0)
      return refused(-result);
  if (!options.pins.empty()) {
    ANABRANCH_TRY(make_pin_directory(options.pins));
    ANABRANCH_TRY(pin_maps(loaded->obj, options.pins));
  }
  if (const int result = ::balancer__load(loaded.get()); result != 0) return refused(-result);
  if (!options.pins.empty())
    ANABRANCH_TRY(pin_program(loaded->progs.explain, options.pins / kExplainPin));
  return BalancerPlane(std::make_unique<Programs>(std::move(loaded), options.pins));
}

Result<void> BalancerPlane::forget(const std::filesystem::path& pins) {
  for (const auto program : {kExplainPin, kXdpPin, kTcPin})
    ANABRANCH_TRY(unpin_program(pins / program));
  const LoadedBalancer unloaded(::balancer__open());
  if (!unloaded) return fail_errno("cannot read the balancer's programs");
  ANABRANCH_TRY(unpin_maps(unloaded->obj, pins));
  std::error_code ignored;
  std::filesystem::remove(pins, ignored);  // stays when somebody has put something of theirs there
  return {};
}

Result<::steer_explanation> BalancerPlane::explain(std::span<const std::uint8_t> frame) const {
  return explained(::bpf_program__fd(programs_->loaded->progs.explain), frame);
}

Result<BalancerRun> BalancerPlane::run(BalancerHook hook,
                                       std::span<const std::uint8_t> frame) const {
  return test_run(program(hook), frame);
}

int BalancerPlane::program(BalancerHook hook) const {
  const auto& programs = programs_->loaded->progs;
  return ::bpf_program__fd(hook == BalancerHook::kTc ? programs.balance_tc : programs.balance_xdp);
}

Result<::steer_explanation> explain_by_pinned(const std::filesystem::path& pins,
                                              std::span<const std::uint8_t> frame) {
  const auto pin = pins / kExplainPin;
  const UniqueFd program(::bpf_obj_get(pin.c_str()));
  if (program) return explained(program.get(), frame);
  auto out = fail_errno("cannot open the balancer's data plane", pin.string());
  if (errno == ENOENT) {
    out.error().code = ExitCode::kNotRunning;
    out.error().hint = "start it with: anabranch balancer run";
  }
  return out;
}

}  // namespace anabranch::kernel
