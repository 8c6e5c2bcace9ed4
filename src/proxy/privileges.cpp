// SPDX-License-Identifier: MIT
#include "proxy/privileges.hpp"

#include <algorithm>
#include <array>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace anabranch::proxy {

Result<void> keep_capabilities(std::initializer_list<unsigned> kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return fail_errno("capget");
  // What a child gets, root's among them, is bounded by this set. Only CAP_SETPCAP may change it;
  // who has not got it is an ordinary user, whose children get no more than the ambient set.
  for (unsigned capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (std::ranges::find(kept, capability) == kept.end())
      static_cast<void>(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0));
  std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3> mask{};
  for (const unsigned capability : kept) mask.at(capability / 32) |= 1U << (capability % 32);
  for (std::size_t i = 0; i < data.size(); ++i) {
    data.at(i).effective &= mask.at(i);
    data.at(i).permitted &= mask.at(i);
    data.at(i).inheritable &= mask.at(i);
  }
  if (::syscall(SYS_capset, &header, data.data()) != 0) return fail_errno("capset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("PR_SET_NO_NEW_PRIVS");
  return {};
}

}  // namespace anabranch::proxy
