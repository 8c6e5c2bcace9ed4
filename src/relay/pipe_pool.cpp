// SPDX-License-Identifier: MIT
#include "relay/pipe_pool.hpp"

#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace anabranch::relay {
namespace {

// A user above the limit on pipe pages gets pipes of one or two of them.
constexpr int kLeastRoom = 1 << 16;

}  // namespace

SplicePipe PipePool::take() {
  SplicePipe pipe;
  if (!spare_.empty()) {
    pipe = std::move(spare_.back());
    spare_.pop_back();
    ++lent_;
    return pipe;
  }
  int ends[2];
  if (lent_ == kMost || ::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return pipe;
  pipe = {UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (::fcntl(ends[0], F_SETPIPE_SZ, kRoom) < 0 && ::fcntl(ends[0], F_GETPIPE_SZ) < kLeastRoom)
    return {};
  ++lent_;
  return pipe;
}

void PipePool::give_back(SplicePipe pipe) {
  --lent_;
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(pipe));
}

void PipePool::destroy(SplicePipe pipe) {
  --lent_;
  pipe = {};
}

}  // namespace anabranch::relay
