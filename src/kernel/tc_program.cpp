// SPDX-License-Identifier: MIT
#include "kernel/tc_program.hpp"

#include <cerrno>
#include <string>

namespace anabranch::kernel {
namespace {

::bpf_tc_hook ingress_of(unsigned ifindex) {
  ::bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

::bpf_tc_opts options_of(TcPlace place) {
  ::bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = place.handle;
  options.priority = place.priority;
  return options;
}

}  // namespace

ProgramOwner tc_owner(unsigned ifindex, TcPlace place, const std::filesystem::path& pin) {
  const auto hook = ingress_of(ifindex);
  auto options = options_of(place);
  if (::bpf_tc_query(&hook, &options) != 0) return ProgramOwner::kNobody;
  return owner_of(options.prog_id, pin);
}

Result<void> attach_tc(unsigned ifindex, TcPlace place, ::bpf_program* program,
                       const std::filesystem::path& pin) {
  if (tc_owner(ifindex, place, pin) == ProgramOwner::kSomebody) return hook_is_taken("tc");
  auto hook = ingress_of(ifindex);
  // Somebody else's filters are there beside ours: the hook may exist, and stays when we go.
  if (const int result = ::bpf_tc_hook_create(&hook); result != 0 && result != -EEXIST)
    return fail_errno(-result, "cannot make a place for tc programs (clsact)");
  ANABRANCH_TRY(pin_program(program, next_pin(pin)));
  auto options = options_of(place);
  options.prog_fd = ::bpf_program__fd(program);
  options.flags = BPF_TC_F_REPLACE;
  if (const int result = ::bpf_tc_attach(&hook, &options); result != 0)
    return fail_errno(-result, "cannot attach a tc program", ::bpf_program__name(program));
  return keep_next(pin);
}

Result<void> detach_tc(unsigned ifindex, TcPlace place, const std::filesystem::path& pin) {
  if (tc_owner(ifindex, place, pin) != ProgramOwner::kUs) return {};
  const auto hook = ingress_of(ifindex);
  const auto options = options_of(place);
  if (const int result = ::bpf_tc_detach(&hook, &options); result != 0)
    return fail_errno(-result, "cannot take a tc program off", pin.string());
  return {};
}

std::unexpected<Error> hook_is_taken(const char* where) {
  return fail(std::string("a program of somebody else is attached by ") + where, {},
              "bpftool net show tells which; take it off, or choose another hook");
}

}  // namespace anabranch::kernel
