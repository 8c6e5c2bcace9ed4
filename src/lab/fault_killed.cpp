// SPDX-License-Identifier: MIT
#include <signal.h>

#include "lab/fault.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

/// Not by the lab: it is the gateway's child, and the gateway starts the next one.
Result<void> kill_kea(Network& network) {
  const auto dhcp = gateway_dhcp(network);
  if (dhcp.kea <= 0) return fail("the gateway has no Kea");
  if (::kill(dhcp.kea, SIGKILL) != 0) return fail_errno("cannot kill Kea");
  return wait_until("that the gateway misses its Kea", seconds(5), [&] {
    const auto now = gateway_dhcp(network);
    return !now.running || now.kea != dhcp.kea;
  });
}

}  // namespace

std::vector<Fault> killed_processes(const std::string& host) {
  return {
      {.name = "host_killed",
       .title = "host role killed",
       .strike = [host](Network& network) { return network.kill_role(host, "host"); },
       .remedy = [host](Network& network) { return network.start_role(host, "host"); },
       .bound = seconds(2)},
      {.name = "gateway_killed",
       .title = "gateway role killed",
       .strike = [](Network& network) { return network.kill_role("gateway", "gateway"); },
       .remedy = [](Network& network) { return network.start_role("gateway", "gateway"); },
       .bound = seconds(5)},
      // The gateway waits one second before it starts the next.
      {.name = "kea_killed", .title = "Kea killed", .strike = kill_kea, .bound = seconds(5)},
  };
}

}  // namespace anabranch::lab
