// SPDX-License-Identifier: MIT
#include "kernel/offloads.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.hpp"

namespace anabranch::kernel {
namespace {

struct Offload {
  const char* name;
  std::uint32_t get;
  std::uint32_t set;
};

// Checksums last: gso and tso need them and scatter-gather, so turning those off first never meets
// a dependency that the driver would restore.
constexpr std::array kOffloads = {
    Offload{"tso", ETHTOOL_GTSO, ETHTOOL_STSO},
    Offload{"gso", ETHTOOL_GGSO, ETHTOOL_SGSO},
    Offload{"gro", ETHTOOL_GGRO, ETHTOOL_SGRO},
    Offload{"sg", ETHTOOL_GSG, ETHTOOL_SSG},
    Offload{"rx", ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM},
    Offload{"tx", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
};

int ethtool(int fd, const std::string& interface, ethtool_value& value) {
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  return ::ioctl(fd, SIOCETHTOOL, &request);
}

}  // namespace

Result<void> turn_offloads_off(const std::string& interface) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot open a socket for the offloads", interface);
  for (const auto& offload : kOffloads) {
    const auto what = [&](const char* verb) {
      return std::string("cannot ") + verb + " the offload " + offload.name;
    };
    ethtool_value value{offload.get, 0};
    if (ethtool(fd.get(), interface, value) != 0) {
      if (errno == EOPNOTSUPP) continue;
      return fail_errno(what("read"), interface);
    }
    if (value.data == 0) continue;
    value = {offload.set, 0};
    if (ethtool(fd.get(), interface, value) != 0) return fail_errno(what("turn off"), interface);
    value = {offload.get, 0};
    if (ethtool(fd.get(), interface, value) != 0 || value.data != 0)
      return fail(what("turn off"), interface, "the driver keeps it on");
  }
  return {};
}

}  // namespace anabranch::kernel
