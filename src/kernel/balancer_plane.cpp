// SPDX-License-Identifier: MIT
#include "kernel/balancer_plane.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <balancer.skel.h>
#include <bpf/bpf.h>
#include <sys/vfs.h>

#include "base/fd.hpp"
#include "kernel/balancer_plane_programs.hpp"
#include "kernel/bpf_log.hpp"

namespace anabranch::kernel {
namespace {

constexpr long kBpfFileSystem = 0xcafe4a11;
/// Room for what a program puts before a frame.
constexpr std::size_t kHeadroom = 256;

/// Below it is where nothing but BPF objects can be.
Result<void> make_pin_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  struct ::statfs system {};
  if (error || ::statfs(directory.c_str(), &system) != 0)
    return fail_errno(error ? error.value() : errno, "cannot make the directory of BPF objects",
                      directory.string());
  if (system.f_type == kBpfFileSystem) return {};
  return fail("not on a BPF file system", directory.string(),
              "mount -t bpf bpf /sys/fs/bpf, or set 'pins' to where one is mounted",
              ExitCode::kBadInput);
}

/// A map from another time or with other settings cannot be taken over: it makes way.
void drop_unfitting(const ::bpf_map* map, const std::string& pin) {
  const UniqueFd pinned(::bpf_obj_get(pin.c_str()));
  if (!pinned) return;
  ::bpf_map_info info{};
  __u32 length = sizeof info;
  if (::bpf_obj_get_info_by_fd(pinned.get(), &info, &length) == 0 &&
      info.type == static_cast<__u32>(::bpf_map__type(map)) &&
      info.key_size == ::bpf_map__key_size(map) && info.value_size == ::bpf_map__value_size(map) &&
      info.max_entries == ::bpf_map__max_entries(map))
    return;
  std::error_code ignored;
  std::filesystem::remove(pin, ignored);
}

Result<void> pin_maps(::balancer& programs, const std::filesystem::path& directory) {
  ::bpf_map* map = nullptr;
  bpf_object__for_each_map(map, programs.obj) {
    const auto pin = (directory / ::bpf_map__name(map)).string();
    drop_unfitting(map, pin);
    if (const int result = ::bpf_map__set_pin_path(map, pin.c_str()); result != 0)
      return fail_errno(-result, "cannot pin a map", pin);
  }
  return {};
}

Result<BalancerRun> test_run(int program, std::span<const std::uint8_t> frame) {
  BalancerRun out;
  out.frame.resize(frame.size() + kHeadroom);
  ::bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<__u32>(frame.size());
  options.data_out = out.frame.data();
  options.data_size_out = static_cast<__u32>(out.frame.size());
  options.repeat = 1;
  if (const int result = ::bpf_prog_test_run_opts(program, &options); result != 0)
    return fail_errno(-result, "the kernel does not run the balancer's program over this frame");
  out.verdict = options.retval;
  out.frame.resize(options.data_size_out);
  return out;
}

Result<::steer_explanation> explained(int program, std::span<const std::uint8_t> frame) {
  const auto run = test_run(program, frame);
  if (!run) return std::unexpected(run.error());
  ::steer_explanation out{};
  if (run->frame.size() < sizeof out) return fail("the balancer's program explains nothing");
  std::memcpy(&out, run->frame.data(), sizeof out);
  return out;
}

}  // namespace

Result<void> pin_program(::bpf_program* program, const std::filesystem::path& pin) {
  std::error_code ignored;
  std::filesystem::remove(pin, ignored);
  if (const int result = ::bpf_program__pin(program, pin.c_str()); result != 0)
    return fail_errno(-result, "cannot pin a program", pin.string());
  return {};
}

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
  if (const int result = ::bpf_map__set_max_entries(loaded->maps.connections, options.connections);
      result != 0)
    return refused(-result);
  if (!options.pins.empty()) {
    ANABRANCH_TRY(make_pin_directory(options.pins));
    ANABRANCH_TRY(pin_maps(*loaded, options.pins));
  }
  if (const int result = ::balancer__load(loaded.get()); result != 0) return refused(-result);
  if (!options.pins.empty())
    ANABRANCH_TRY(pin_program(loaded->progs.explain, options.pins / kExplainPin));
  return BalancerPlane(std::make_unique<Programs>(std::move(loaded), options.pins));
}

Result<void> BalancerPlane::forget(const std::filesystem::path& pins) {
  std::error_code error;
  for (const auto program : {kExplainPin, kXdpPin, kTcPin})
    for (const auto& pin : {pins / program, next_pin(pins / program)}) {
      std::filesystem::remove(pin, error);
      if (error) return fail_errno(error.value(), "cannot remove a pinned program", pin.string());
    }
  const LoadedBalancer unloaded(::balancer__open());
  if (!unloaded) return fail_errno("cannot read the balancer's programs");
  const ::bpf_map* map = nullptr;
  bpf_object__for_each_map(map, unloaded->obj) {
    std::filesystem::remove(pins / ::bpf_map__name(map), error);
    if (error) return fail_errno(error.value(), "cannot remove a pinned map", pins.string());
  }
  std::filesystem::remove(pins, error);  // stays when somebody has put something of theirs there
  return {};
}

Result<::steer_explanation> BalancerPlane::explain(std::span<const std::uint8_t> frame) const {
  return explained(::bpf_program__fd(programs_->loaded->progs.explain), frame);
}

Result<BalancerRun> BalancerPlane::run(BalancerHook hook,
                                       std::span<const std::uint8_t> frame) const {
  const auto& programs = programs_->loaded->progs;
  return test_run(
      ::bpf_program__fd(hook == BalancerHook::kTc ? programs.balance_tc : programs.balance_xdp),
      frame);
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
