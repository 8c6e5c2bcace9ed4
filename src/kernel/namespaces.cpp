// SPDX-License-Identifier: MIT
#include "kernel/namespaces.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <sched.h>

#include "kernel/rtnetlink.hpp"

namespace anabranch::kernel {
namespace {

constexpr unsigned kLoopback = 1;

/// Brings the thread back even when the work between failed.
class Return {
 public:
  explicit Return(int home) : home_(home) {}
  Return(const Return&) = delete;
  Return& operator=(const Return&) = delete;
  ~Return() {
    // Going on in the wrong namespace would configure the wrong machine.
    if (::setns(home_, CLONE_NEWNET) != 0) std::abort();
  }

 private:
  int home_;
};

}  // namespace

Result<UniqueFd> current_network_namespace() {
  UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open the current network namespace");
  return fd;
}

Result<UniqueFd> create_network_namespace() {
  const auto home = current_network_namespace();
  if (!home) return std::unexpected(home.error());
  if (::unshare(CLONE_NEWNET) != 0) return fail_errno("cannot create a network namespace");
  const Return back(home->get());
  auto made = current_network_namespace();
  if (!made) return made;
  auto netlink = Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  if (const auto done = netlink->set_up(kLoopback, true); !done)
    return std::unexpected(done.error());
  return made;
}

Result<void> inside_network_namespace(int netns, const std::function<Result<void>()>& work) {
  const auto home = current_network_namespace();
  if (!home) return std::unexpected(home.error());
  if (::setns(netns, CLONE_NEWNET) != 0) return fail_errno("cannot enter a network namespace");
  const Return back(home->get());
  return work();
}

}  // namespace anabranch::kernel
