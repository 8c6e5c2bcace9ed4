// SPDX-License-Identifier: MIT
// The host's state file, which a disk may have mangled: refused, or a state that survives being
// written and read again, and leases that a client can go on with.
#include "host/state_file.hpp"

#include "host/dhcp6_client.hpp"
#include "host/dhcp_client.hpp"
#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const host::Clocks clocks{MonotonicTime(std::chrono::hours(1000)),
                            host::WallTime(std::chrono::seconds(1'800'000'000))};
  const auto state = host::parse_state(fuzz::text_of(data, size), clocks);
  if (!state) return 0;
  const auto again = host::parse_state(host::format_state(*state, clocks), clocks);
  fuzz::require(again.has_value(), "what was read is written back");
  fuzz::require(again->leases.size() == state->leases.size(), "no lease is lost by that");
  for (const auto& lease : state->leases) {
    fuzz::require(lease.expires() > clocks.monotonic, "a lease that is read has time left");
    host::DhcpClient::Settings settings;
    settings.index = lease.route.index;
    settings.ext_route_code = 224;
    settings.random = [] { return 1u; };
    host::DhcpClient client(std::move(settings));
    client.adopt(lease, clocks.monotonic);
    fuzz::require(client.next_timer() > clocks.monotonic, "the next timer lies ahead");
    client.timer(client.next_timer());
  }
  fuzz::require(again->leases6.size() == state->leases6.size(), "nor one of DHCPv6");
  for (const auto& lease : state->leases6) {
    fuzz::require(lease.expires() > clocks.monotonic, "a lease that is read has time left");
    host::Dhcp6Client::Settings settings;
    settings.index = lease.route.index;
    settings.random = [] { return 1u; };
    host::Dhcp6Client client(std::move(settings));
    client.adopt(lease, clocks.monotonic);
    fuzz::require(client.next_timer() > clocks.monotonic, "the next timer lies ahead");
    client.timer(client.next_timer());
  }
  return 0;
}
