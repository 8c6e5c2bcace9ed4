// SPDX-License-Identifier: MIT
#include "kernel/balancer_run.hpp"

#include <bpf/bpf.h>

namespace anabranch::kernel {
namespace {

/// Room for what a program puts before a frame.
constexpr std::size_t kHeadroom = 256;

}  // namespace

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

}  // namespace anabranch::kernel
