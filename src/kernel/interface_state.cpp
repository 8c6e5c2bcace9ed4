// SPDX-License-Identifier: MIT
#include "kernel/interface_state.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.hpp"

namespace anabranch::kernel {

Result<void> set_interface_up(const std::string& interface, bool up) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot open a socket for interface flags", interface);
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0)
    return fail_errno("cannot read the interface flags", interface);
  const unsigned flags = static_cast<unsigned short>(request.ifr_flags);
  request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~unsigned{IFF_UP});
  if (::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0)
    return fail_errno(up ? "cannot set the interface up" : "cannot set the interface down",
                      interface);
  return {};
}

Result<void> silence_ipv6(const std::string& interface) {
  const std::string path = "/proc/sys/net/ipv6/conf/" + interface + "/disable_ipv6";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd || ::write(fd.get(), "1", 1) != 1) return fail_errno("cannot write " + path, interface);
  return {};
}

}  // namespace anabranch::kernel
