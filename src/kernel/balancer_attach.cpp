// SPDX-License-Identifier: MIT
// The balancer's programs on an interface. Both ways of attaching are netlink's: what is attached
// stays when the process goes, and is replaced in one step.
#include <array>
#include <filesystem>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "kernel/balancer_plane.hpp"
#include "kernel/balancer_plane_programs.hpp"
#include "kernel/tc_program.hpp"

namespace anabranch::kernel {
namespace {

constexpr std::array<__u32, 2> kXdpModes{XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};

ProgramOwner xdp_owner(unsigned ifindex, __u32 mode, const std::filesystem::path& pins) {
  __u32 program = 0;
  if (::bpf_xdp_query_id(static_cast<int>(ifindex), static_cast<int>(mode), &program) != 0)
    return ProgramOwner::kNobody;
  return owner_of(program, pins / kXdpPin);
}

Result<void> detach_xdp(unsigned ifindex, __u32 mode, const std::filesystem::path& pins) {
  if (xdp_owner(ifindex, mode, pins) != ProgramOwner::kUs) return {};
  const int result = ::bpf_xdp_detach(static_cast<int>(ifindex), mode, nullptr);
  if (result != 0) return fail_errno(-result, "cannot take the balancer's XDP program off");
  return {};
}

}  // namespace

Result<void> BalancerPlane::attach(unsigned ifindex, BalancerHook hook) {
  const auto& programs = programs_->loaded->progs;
  const auto& pins = programs_->pins;
  if (tc_owner(ifindex, kBalancerServerPlace, {}) != ProgramOwner::kNobody)
    return fail("this interface is that of a server behind the balancer", {},
                "a balancer and a server behind it are two machines");
  if (hook == BalancerHook::kTc) {
    ANABRANCH_TRY(attach_tc(ifindex, kBalancerPlace, programs.balance_tc, pins / kTcPin));
    for (const auto mode : kXdpModes) ANABRANCH_TRY(detach_xdp(ifindex, mode, pins));
    return {};
  }
  const __u32 mode = hook == BalancerHook::kXdp ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const __u32 other = hook == BalancerHook::kXdp ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
  if (xdp_owner(ifindex, mode, pins) == ProgramOwner::kSomebody) return hook_is_taken("XDP");
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
  ANABRANCH_TRY(keep_next(pins / kXdpPin));
  return detach_tc(ifindex, kBalancerPlace, pins / kTcPin);
}

Result<void> BalancerPlane::detach(unsigned ifindex, const std::filesystem::path& pins) {
  for (const auto mode : kXdpModes) ANABRANCH_TRY(detach_xdp(ifindex, mode, pins));
  return detach_tc(ifindex, kBalancerPlace, pins / kTcPin);
}

}  // namespace anabranch::kernel
