// SPDX-License-Identifier: MIT
#include "host/frame_filter.hpp"

#include <utility>

namespace anabranch::host {
namespace {

/// A jump to the filter's end, put in place when it is known.
constexpr std::uint8_t kRefuse = 0xff;

}  // namespace

void FrameFilter::require_one_of(std::uint16_t load, std::uint32_t at,
                                 std::initializer_list<std::uint32_t> values) {
  program_.push_back(sock_filter BPF_STMT(load, at));
  std::size_t left = values.size();
  for (const std::uint32_t value : values) {
    --left;
    program_.push_back(sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
                                            static_cast<std::uint8_t>(left),
                                            left == 0 ? kRefuse : std::uint8_t{0}));
  }
}

void FrameFilter::require_clear(std::uint16_t load, std::uint32_t at, std::uint32_t bits) {
  program_.push_back(sock_filter BPF_STMT(load, at));
  program_.push_back(sock_filter BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, kRefuse, 0));
}

std::vector<sock_filter> FrameFilter::finish() && {
  program_.push_back(sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffff));
  for (std::size_t i = 0; i < program_.size(); ++i) {
    const auto to_end = static_cast<std::uint8_t>(program_.size() - i - 1);
    for (auto* target : {&program_[i].jt, &program_[i].jf})
      if (*target == kRefuse) *target = to_end;
  }
  program_.push_back(sock_filter BPF_STMT(BPF_RET | BPF_K, 0));
  return std::move(program_);
}

}  // namespace anabranch::host
