// SPDX-License-Identifier: MIT
#include "paths/limiter.hpp"

#include <sstream>
#include <utility>

#include <fmt/core.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::paths {
namespace {

/// What the fast subflow is to have room for while a burst crawls over a slow one. The kernel
/// doubles it, and bounds it by net.core.wmem_max before.
constexpr kernel::SubflowLimit kFast{.send_buffer = 4 << 20, .unsent_low_water = 0};
/// Less than two segments: the scheduler's next piece follows when the last one has left.
constexpr kernel::SubflowLimit kSlow{.send_buffer = 0, .unsent_low_water = 2000};

/// What the kernel makes of kFast, in octets.
Result<std::uint32_t> granted() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int wanted = kFast.send_buffer;
  int out = 0;
  socklen_t length = sizeof out;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted) != 0 ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &out, &length) != 0)
    return fail_errno("cannot tell how large a send buffer may be");
  return static_cast<std::uint32_t>(out);
}

/// To what the kernel lets a send buffer grow by itself.
std::uint32_t grows_to() {
  const auto text = kernel::read_sysctl("net/ipv4/tcp_wmem");
  std::istringstream words(text.value_or(""));
  std::uint32_t least = 0;
  std::uint32_t first = 0;
  std::uint32_t most = 0;
  words >> least >> first >> most;
  return most;
}

}  // namespace

Limiter::Limiter(const Settings& settings) {
  if (!settings.limit_with_bpf) return;
  if (const auto opened = open(settings); !opened) give_up(opened.error());
}

Result<void> Limiter::open(const Settings& settings) {
  const auto buffer = granted();
  if (!buffer) return std::unexpected(buffer.error());
  // A buffer that is set does not grow any more: a small one would be worse than none.
  if (*buffer < grows_to())
    return fail(fmt::format("net.core.wmem_max lets a send buffer be {} octets, less than it grows "
                            "to by itself",
                            *buffer / 2),
                {}, "sysctl -w net.core.wmem_max=4194304");
  const auto root = kernel::cgroup_root();
  if (!root) return std::unexpected(root.error());
  auto limits = kernel::SubflowLimits::open(*root + settings.cgroup);
  if (!limits) return std::unexpected(limits.error());
  limits_ = *std::move(limits);
  send_buffer_ = *buffer;
  state_ = "active";
  return {};
}

void Limiter::give_up(const Error& why) {
  limits_.reset();
  in_force_.clear();
  send_buffer_ = 0;
  state_ = "refused: " + why.what;
  log::info("no limits on what slow subflows may queue: {}", why.text());
}

Result<void> Limiter::apply(const action::LimitSubflows& what) {
  if (!limits_) return {};
  Wanted wanted;
  for (const auto& address : what.slow) wanted[address] = kSlow;
  // Room is worth something only while somebody is waited for.
  if (!what.slow.empty()) wanted[what.fast] = kFast;
  auto& before = in_force_[what.fast.family()];
  for (const auto& [address, limit] : before)
    if (!wanted.contains(address)) ANABRANCH_TRY(limits_->clear(address));
  for (const auto& [address, limit] : wanted) {
    const auto old = before.find(address);
    if (old != before.end() && old->second.send_buffer == limit.send_buffer) continue;
    ANABRANCH_TRY(limits_->set(address, limit));
  }
  before = std::move(wanted);
  return {};
}

}  // namespace anabranch::paths
