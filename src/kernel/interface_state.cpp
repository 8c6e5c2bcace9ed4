// SPDX-License-Identifier: MIT
#include "kernel/interface_state.hpp"

#include <system_error>

#include "kernel/rtnetlink.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::kernel {

Result<void> set_interface_up(const std::string& interface, bool up) {
  auto netlink = Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto link = netlink->link(interface);
  if (!link) return std::unexpected(link.error());
  return netlink->set_up(link->index, up);
}

bool is_wireless(const std::string& interface, const std::filesystem::path& sysfs) {
  const auto directory = sysfs / "class" / "net" / interface;
  std::error_code unreadable;
  return std::filesystem::exists(directory / "phy80211", unreadable) ||
         std::filesystem::exists(directory / "wireless", unreadable);
}

Result<void> silence_ipv6(const std::string& interface) {
  const std::string key = "net/ipv6/conf/" + interface + "/disable_ipv6";
  if (!read_sysctl(key)) return {};  // this kernel has no IPv6
  return write_sysctl(key, "1");
}

}  // namespace anabranch::kernel
