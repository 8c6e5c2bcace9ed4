// SPDX-License-Identifier: MIT
// The balancer's programs on an interface. Both ways of attaching are
// netlink's: what is attached stays when the process goes, and is replaced in
// one step.
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "base/fd.hpp"
#include "base/registry.hpp"
#include "kernel/balancer_plane.hpp"
#include "kernel/balancer_plane_programs.hpp"

namespace anabranch::kernel {
namespace {

constexpr std::array<__u32, 2> kXdpModes{XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};

enum class Owner : std::uint8_t { kNobody, kUs, kSomebody };

__u32 pinned_program(const std::filesystem::path& pin) {
  const UniqueFd pinned(::bpf_obj_get(pin.c_str()));
  ::bpf_prog_info info{};
  __u32 length = sizeof info;
  if (!pinned || ::bpf_obj_get_info_by_fd(pinned.get(), &info, &length) != 0) return 0;
  return info.id;
}

Owner owner_of(__u32 program, const std::filesystem::path& pin) {
  if (program == 0) return Owner::kNobody;
  const bool ours = program == pinned_program(pin) || program == pinned_program(next_pin(pin));
  return ours ? Owner::kUs : Owner::kSomebody;
}

Result<void> keep_pin(const std::filesystem::path& pin) {
  std::error_code error;
  std::filesystem::rename(next_pin(pin), pin, error);
  if (error) return fail_errno(error.value(), "cannot keep a pinned program", pin.string());
  return {};
}

Owner xdp_owner(unsigned ifindex, __u32 mode, const std::filesystem::path& pins) {
  __u32 program = 0;
  if (::bpf_xdp_query_id(static_cast<int>(ifindex), static_cast<int>(mode), &program) != 0)
    return Owner::kNobody;
  return owner_of(program, pins / kXdpPin);
}

::bpf_tc_hook tc_hook(unsigned ifindex) {
  ::bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

::bpf_tc_opts tc_place() {
  ::bpf_tc_opts place{};
  place.sz = sizeof place;
  place.handle = registry::kBalancerTcHandle;
  place.priority = registry::kBalancerTcPriority;
  return place;
}

Owner tc_owner(unsigned ifindex, const std::filesystem::path& pins) {
  const auto hook = tc_hook(ifindex);
  auto place = tc_place();
  if (::bpf_tc_query(&hook, &place) != 0) return Owner::kNobody;
  return owner_of(place.prog_id, pins / kTcPin);
}

std::unexpected<Error> taken(const char* where) {
  return fail(std::string("a program of somebody else is attached by ") + where, {},
              "bpftool net show tells which; take it off, or choose another hook");
}

Result<void> detach_xdp(unsigned ifindex, __u32 mode, const std::filesystem::path& pins) {
  if (xdp_owner(ifindex, mode, pins) != Owner::kUs) return {};
  const int result = ::bpf_xdp_detach(static_cast<int>(ifindex), mode, nullptr);
  if (result != 0) return fail_errno(-result, "cannot take the balancer's XDP program off");
  return {};
}

Result<void> detach_tc(unsigned ifindex, const std::filesystem::path& pins) {
  if (tc_owner(ifindex, pins) != Owner::kUs) return {};
  const auto hook = tc_hook(ifindex);
  const auto place = tc_place();
  const int result = ::bpf_tc_detach(&hook, &place);
  if (result != 0) return fail_errno(-result, "cannot take the balancer's tc program off");
  return {};
}

}  // namespace

Result<void> BalancerPlane::attach(unsigned ifindex, BalancerHook hook) {
  const auto& programs = programs_->loaded->progs;
  const auto& pins = programs_->pins;
  if (hook == BalancerHook::kTc) {
    if (tc_owner(ifindex, pins) == Owner::kSomebody) return taken("tc");
    auto place = tc_hook(ifindex);
    // Somebody else's filters are there beside ours: the hook may exist, and
    // stays when we go.
    if (const int result = ::bpf_tc_hook_create(&place); result != 0 && result != -EEXIST)
      return fail_errno(-result, "cannot make a place for tc programs (clsact)");
    ANABRANCH_TRY(pin_program(programs.balance_tc, next_pin(pins / kTcPin)));
    auto options = tc_place();
    options.prog_fd = ::bpf_program__fd(programs.balance_tc);
    options.flags = BPF_TC_F_REPLACE;
    if (const int result = ::bpf_tc_attach(&place, &options); result != 0)
      return fail_errno(-result, "cannot attach the balancer's tc program");
    ANABRANCH_TRY(keep_pin(pins / kTcPin));
    for (const auto mode : kXdpModes) ANABRANCH_TRY(detach_xdp(ifindex, mode, pins));
    return {};
  }
  const __u32 mode = hook == BalancerHook::kXdp ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const __u32 other = hook == BalancerHook::kXdp ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
  if (xdp_owner(ifindex, mode, pins) == Owner::kSomebody) return taken("XDP");
  // The kernel wants one of both modes only.
  ANABRANCH_TRY(detach_xdp(ifindex, other, pins));
  ANABRANCH_TRY(pin_program(programs.balance_xdp, next_pin(pins / kXdpPin)));
  if (const int result = ::bpf_xdp_attach(static_cast<int>(ifindex),
                                          ::bpf_program__fd(programs.balance_xdp), mode, nullptr);
      result != 0) {
    auto out = fail_errno(-result, "cannot attach the balancer's XDP program");
    if (hook == BalancerHook::kXdp)
      out.error().hint =
          "not every driver has XDP: hook = \"xdp-generic\" or "
          "\"tc\" need none";
    return out;
  }
  ANABRANCH_TRY(keep_pin(pins / kXdpPin));
  return detach_tc(ifindex, pins);
}

Result<void> BalancerPlane::detach(unsigned ifindex, const std::filesystem::path& pins) {
  for (const auto mode : kXdpModes) ANABRANCH_TRY(detach_xdp(ifindex, mode, pins));
  return detach_tc(ifindex, pins);
}

}  // namespace anabranch::kernel
